//! What a connection speaks, found out from its bytes, and what follows from that.

use tracer_protocols::{
    Protocol,
    contract::{Follows, Side},
    detect::{Detection, detect},
};

use super::{
    database::{self, Dialogue, Judgement},
    dns::{self, Dns},
    exchange::{ExchangeId, ExchangeSink, Failure},
    fastcgi::FastCgi,
    http1::{Drive as Drive1, Http1},
    http2::{Drive as Drive2, Http2},
    messaging::{self, Session, Talk},
};
use crate::{
    connections::{At, Consumer, Ends, Way},
    telemetry::drops::Drop,
};

/// Both directions of a connection.
#[derive(Debug, Default)]
pub(crate) enum Conversation {
    /// Nothing told yet.
    #[default]
    Unknown,
    Http1(Box<Http1>),
    Http2(Box<Http2>),
    Database(Box<Dialogue>),
    Messaging(Box<Session>),
    Dns(Box<Dns>),
}

/// A [`Conversation`] together with what it needs to work.
pub(crate) struct Drive<'a, S> {
    pub(crate) conversation: &'a mut Conversation,
    pub(crate) way: Way,
    pub(crate) ends: &'a Ends,
    pub(crate) sink: &'a mut S,
}

impl Conversation {
    /// `requests`: the way in which the client's bytes go, where the first bytes tell.
    fn new(protocol: Protocol, requests: Way) -> Self {
        let is_broker = requests == Way::Received;
        match protocol {
            Protocol::Http1 => Self::Http1(Box::default()),
            Protocol::Http2 => Self::Http2(Box::default()),
            Protocol::Dns => Self::Dns(Box::new(Dns::new(requests))),
            Protocol::FastCgi => Self::database(Box::<FastCgi>::default(), requests),
            Protocol::Redis => Self::database(Box::<database::Redis>::default(), requests),
            Protocol::Postgres => Self::database(Box::<database::Postgres>::default(), requests),
            Protocol::Mysql => Self::database(Box::<database::Mysql>::default(), requests),
            Protocol::Cassandra => Self::database(Box::<database::Cassandra>::default(), requests),
            Protocol::Mongodb => Self::database(Box::<database::Mongodb>::default(), requests),
            Protocol::Memcached => Self::database(Box::<database::Memcached>::default(), requests),
            Protocol::Kafka => Self::messaging(Box::<messaging::Kafka>::default(), requests),
            Protocol::Amqp => Self::messaging(Box::new(messaging::Amqp::new(is_broker)), requests),
            Protocol::Nats => Self::messaging(Box::new(messaging::Nats::new(is_broker)), requests),
            Protocol::Mqtt => Self::messaging(Box::new(messaging::Mqtt::new(is_broker)), requests),
        }
    }

    fn messaging(protocol: Box<dyn Talk>, requests: Way) -> Self {
        Self::Messaging(Box::new(Session::new(protocol, requests)))
    }

    fn database(protocol: Box<dyn database::Speech>, requests: Way) -> Self {
        Self::Database(Box::new(Dialogue::new(protocol, requests)))
    }

    /// What the kernel side is to be told of its guess at the protocol.
    pub(crate) fn take_judgement(&mut self) -> Option<Judgement> {
        match self {
            Self::Database(dialogue) => dialogue.take_judgement(),
            Self::Messaging(session) => session.take_judgement(),
            Self::Dns(dns) => dns.take_judgement(),
            Self::Unknown | Self::Http1(_) | Self::Http2(_) => None,
        }
    }

    /// Whether no request waits for its response.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Http1(http) => http.is_idle(),
            Self::Http2(http) => http.is_idle(),
            Self::Database(dialogue) => dialogue.is_idle(),
            Self::Messaging(session) => session.is_idle(),
            Self::Dns(dns) => dns.is_idle(),
        }
    }

    /// Whether this end is the server.
    pub(crate) fn is_server(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Http1(http) => http.is_server(),
            Self::Http2(http) => http.is_server(),
            Self::Database(dialogue) => Some(dialogue.is_server()),
            Self::Messaging(session) => Some(session.is_server()),
            Self::Dns(dns) => Some(dns.is_server()),
        }
    }

    /// The exchange of which bytes are being received, if it has begun. Of HTTP/2, the frames tell.
    pub(crate) fn receiving(&self) -> Option<ExchangeId> {
        match self {
            Self::Http1(http) => http.receiving(),
            Self::Database(dialogue) => dialogue.receiving(),
            Self::Messaging(session) => session.receiving(),
            Self::Unknown | Self::Http2(_) | Self::Dns(_) => None,
        }
    }

    /// A datagram that was sent or received, as far as it was captured.
    pub(crate) fn datagram<S: ExchangeSink>(
        &mut self,
        way: Way,
        bytes: &[u8],
        at: &At,
        ends: &Ends,
        sink: &mut S,
    ) {
        if matches!(self, Self::Unknown) {
            *self = Self::new(Protocol::Dns, Way::Sent);
        }
        if let Self::Dns(dns) = self {
            dns::Drive { dns, way, ends, sink }.datagram(bytes, at);
        }
    }

    /// Nothing more comes in `way`.
    pub(crate) fn ended<S: ExchangeSink>(&mut self, way: Way, now_ns: u64, ends: &Ends, sink: &mut S) {
        match self {
            Self::Http1(http) => http.ended(way, now_ns, ends, sink),
            Self::Http2(http) => http.ended(way, now_ns, ends, sink),
            Self::Database(dialogue) => dialogue.ended(way, now_ns, ends, sink),
            Self::Messaging(session) => session.ended(way, now_ns, ends, sink),
            Self::Dns(dns) if way == Way::Received => {
                dns.abort(Failure::ConnectionClosed, now_ns, ends, sink);
            }
            Self::Unknown | Self::Dns(_) => {}
        }
    }

    /// Every request in flight ends without a whole response.
    pub(crate) fn abort<S: ExchangeSink>(
        &mut self,
        failure: Failure,
        now_ns: u64,
        ends: &Ends,
        sink: &mut S,
    ) {
        match self {
            Self::Unknown => {}
            Self::Http1(http) => http.abort(failure, now_ns, ends, sink),
            Self::Http2(http) => http.abort(failure, now_ns, ends, sink),
            Self::Database(dialogue) => dialogue.abort(failure, now_ns, ends, sink),
            Self::Messaging(session) => session.abort(failure, now_ns, ends, sink),
            Self::Dns(dns) => dns.abort(failure, now_ns, ends, sink),
        }
    }

    /// Requests that began before `before_ns` end as unanswered.
    pub(crate) fn expire<S: ExchangeSink>(&mut self, before_ns: u64, now_ns: u64, ends: &Ends, sink: &mut S) {
        match self {
            Self::Unknown => {}
            Self::Http1(http) => http.expire(before_ns, now_ns, ends, sink),
            Self::Http2(http) => http.expire(before_ns, now_ns, ends, sink),
            Self::Database(dialogue) => dialogue.expire(before_ns, now_ns, ends, sink),
            Self::Messaging(session) => session.expire(before_ns, now_ns, ends, sink),
            Self::Dns(dns) => dns.expire(before_ns, now_ns, ends, sink),
        }
    }

    /// Nothing of this connection is to be shown after all.
    pub(crate) fn retract<S: ExchangeSink>(&mut self, ends: &Ends, sink: &mut S) {
        match self {
            Self::Unknown => {}
            Self::Http1(http) => http.retract(ends, sink),
            Self::Http2(http) => http.retract(ends, sink),
            Self::Database(dialogue) => dialogue.retract(ends, sink),
            Self::Messaging(session) => session.retract(ends, sink),
            Self::Dns(dns) => dns.retract(ends, sink),
        }
    }
}

impl<S: ExchangeSink> Drive<'_, S> {
    fn http1<'b>(&'b mut self, http: &'b mut Http1) -> Drive1<'b, S> {
        Drive1 { http, way: self.way, ends: self.ends, sink: self.sink }
    }

    fn http2<'b>(&'b mut self, http: &'b mut Http2) -> Drive2<'b, S> {
        Drive2 { http, way: self.way, ends: self.ends, sink: self.sink }
    }
}

impl<S: ExchangeSink> Consumer for Drive<'_, S> {
    fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
        if matches!(self.conversation, Conversation::Unknown) {
            match detect(bytes) {
                Detection::Found(protocol, side) => {
                    let requests = if side == Side::Request { self.way } else { self.way.other() };
                    *self.conversation = Conversation::new(protocol, requests);
                }
                Detection::NeedMore if follows == Follows::Maybe => return 0,
                Detection::NeedMore | Detection::No => {
                    self.sink.drops().count(Drop::NotHttp);
                    return bytes.len();
                }
            }
        }
        match self.conversation {
            Conversation::Unknown => bytes.len(),
            Conversation::Http1(http) => {
                let mut drive = Drive1 { http, way: self.way, ends: self.ends, sink: self.sink };
                let used = drive.run(bytes, follows, at);
                let Some((exchange, requests)) = http.take_upgraded() else { return used };
                *self.conversation = Conversation::Http2(Box::new(Http2::upgraded(exchange, requests)));
                let behind = At { segment_start: false, ..at.behind(used) };
                used + self.run(&bytes[used..], follows, &behind)
            }
            Conversation::Http2(http) => {
                let mut drive = Drive2 { http, way: self.way, ends: self.ends, sink: self.sink };
                drive.run(bytes, follows, at)
            }
            Conversation::Database(dialogue) => {
                let mut drive = database::Drive { dialogue, way: self.way, ends: self.ends, sink: self.sink };
                drive.run(bytes, follows, at)
            }
            Conversation::Messaging(session) => {
                messaging::Drive { session, way: self.way, ends: self.ends, sink: self.sink }
                    .run(bytes, follows, at)
            }
            Conversation::Dns(dns) => {
                let mut drive = dns::Drive { dns, way: self.way, ends: self.ends, sink: self.sink };
                drive.run(bytes, follows, at)
            }
        }
    }

    fn gap(&mut self, bytes: u64, at: &At) {
        match std::mem::take(self.conversation) {
            Conversation::Unknown => {}
            Conversation::Http1(mut http) => {
                self.http1(&mut http).gap(bytes, at);
                *self.conversation = Conversation::Http1(http);
            }
            Conversation::Http2(mut http) => {
                self.http2(&mut http).gap(bytes, at);
                *self.conversation = Conversation::Http2(http);
            }
            Conversation::Database(mut dialogue) => {
                let mut drive = database::Drive {
                    dialogue: &mut dialogue,
                    way: self.way,
                    ends: self.ends,
                    sink: self.sink,
                };
                drive.gap(bytes, at);
                *self.conversation = Conversation::Database(dialogue);
            }
            Conversation::Messaging(mut session) => {
                messaging::Drive { session: &mut session, way: self.way, ends: self.ends, sink: self.sink }
                    .gap(bytes, at);
                *self.conversation = Conversation::Messaging(session);
            }
            Conversation::Dns(mut dns) => {
                dns::Drive { dns: &mut dns, way: self.way, ends: self.ends, sink: self.sink }.gap(bytes);
                *self.conversation = Conversation::Dns(dns);
            }
        }
    }

    fn lost(&mut self, records: u32) {
        self.sink.drops().add(Drop::LostRecord, u64::from(records));
        match self.conversation {
            Conversation::Unknown => {}
            Conversation::Http1(http) => {
                Drive1 { http, way: self.way, ends: self.ends, sink: self.sink }.lost(records);
            }
            Conversation::Http2(http) => http.lost(),
            Conversation::Dns(dns) => dns.lost(),
            Conversation::Database(dialogue) => {
                database::Drive { dialogue, way: self.way, ends: self.ends, sink: self.sink }.lost(records);
            }
            Conversation::Messaging(session) => {
                messaging::Drive { session, way: self.way, ends: self.ends, sink: self.sink }.lost();
            }
        }
    }

    fn overflow(&mut self) {
        self.sink.drops().count(Drop::HeadOverflow);
    }
}
