//! What a connection speaks, told from the first bytes of one direction.

use crate::{
    Protocol, amqp, cassandra, contract::Side, dns, fastcgi, framing, http1, http2, kafka, memcached,
    mongodb, mqtt, mysql, nats, postgres, redis,
};

/// What the front of a direction says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// It is this protocol. The side is that of these bytes where the protocol tells from the first; HTTP's parsers find it out by themselves.
    Found(Protocol, Side),
    /// It is too early to tell.
    NeedMore,
    /// None of those that are read.
    No,
}

/// Says whether bytes begin with a message of a protocol.
type Detect = fn(&[u8]) -> framing::Detection;

/// Protocols that are told from the first message of either side, in the order in which they are tried.
const FRAMED: [(Protocol, Detect); 5] = [
    (Protocol::Postgres, postgres::detect),
    // Before MySQL: its length and number may look like those of a packet.
    (Protocol::Mongodb, mongodb::detect),
    (Protocol::Mysql, mysql::detect),
    (Protocol::Memcached, memcached::detect),
    (Protocol::Cassandra, cassandra::detect),
];

/// Looks at the front of a direction.
pub fn detect(bytes: &[u8]) -> Detection {
    let mut more = match http1::detect(bytes) {
        http1::Detection::Request => return Detection::Found(Protocol::Http1, Side::Request),
        http1::Detection::Response => return Detection::Found(Protocol::Http1, Side::Response),
        http1::Detection::NeedMore => true,
        http1::Detection::No => false,
    };
    match http2::detect(bytes) {
        http2::Detection::Preface | http2::Detection::Settings | http2::Detection::Frames => {
            return Detection::Found(Protocol::Http2, Side::Request);
        }
        http2::Detection::NeedMore => more = true,
        http2::Detection::No => {}
    }
    match dns::detect(bytes) {
        dns::Detection::Query => return Detection::Found(Protocol::Dns, Side::Request),
        dns::Detection::NeedMore => more = true,
        dns::Detection::No => {}
    }
    match fastcgi::detect(bytes) {
        fastcgi::Detection::Request => return Detection::Found(Protocol::FastCgi, Side::Request),
        fastcgi::Detection::NeedMore => more = true,
        fastcgi::Detection::No => {}
    }
    match redis::detect(bytes) {
        redis::Detection::Request => return Detection::Found(Protocol::Redis, Side::Request),
        redis::Detection::NeedMore => more = true,
        redis::Detection::No => {}
    }
    // Before PostgreSQL, whose startup message it is more exact about.
    match kafka::detect(bytes) {
        kafka::Detection::Request => return Detection::Found(Protocol::Kafka, Side::Request),
        kafka::Detection::NeedMore => more = true,
        kafka::Detection::No => {}
    }
    match amqp::detect(bytes) {
        amqp::Detection::Found(side) => return Detection::Found(Protocol::Amqp, side),
        amqp::Detection::NeedMore => more = true,
        amqp::Detection::No => {}
    }
    match nats::detect(bytes) {
        nats::Detection::Found(side) => return Detection::Found(Protocol::Nats, side),
        nats::Detection::NeedMore => more = true,
        nats::Detection::No => {}
    }
    match mqtt::detect(bytes) {
        mqtt::Detection::Connect => return Detection::Found(Protocol::Mqtt, Side::Request),
        mqtt::Detection::NeedMore => more = true,
        mqtt::Detection::No => {}
    }
    for (protocol, detect) in FRAMED {
        match detect(bytes) {
            framing::Detection::Found(side) => return Detection::Found(protocol, side),
            framing::Detection::NeedMore => more = true,
            framing::Detection::No => {}
        }
    }
    if more { Detection::NeedMore } else { Detection::No }
}
