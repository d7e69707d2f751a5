//! The client's direction.

use super::{limits::MAX_NAME, line::number};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::{Place, Read},
};

/// A command begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Its name as sent.
    pub name: &'a str,
    /// Of `CLIENT` with two arguments, the first: what is done to the client decides whether there is a reply.
    pub subcommand: Option<&'a str>,
    /// Number of arguments behind the name.
    pub arguments: u32,
}

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// A command that is known: the client's direction.
    Request,
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind. It may still be a reply: those look like much else.
    No,
}

/// First letters of command names are enough to tell commands from data, which may be an array of bulk strings too.
const KNOWN: [&str; 118] = [
    "ACL",
    "APPEND",
    "ASKING",
    "AUTH",
    "BGSAVE",
    "BITCOUNT",
    "BITFIELD",
    "BITOP",
    "BITPOS",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "COPY",
    "DBSIZE",
    "DEBUG",
    "DECR",
    "DECRBY",
    "DEL",
    "DISCARD",
    "DUMP",
    "ECHO",
    "EVAL",
    "EVALSHA",
    "EXEC",
    "EXISTS",
    "EXPIRE",
    "EXPIREAT",
    "FCALL",
    "FLUSHALL",
    "FLUSHDB",
    "GEOADD",
    "GEODIST",
    "GEORADIUS",
    "GEOSEARCH",
    "GET",
    "GETBIT",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "HDEL",
    "HELLO",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HINCRBY",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HMSET",
    "HSCAN",
    "HSET",
    "HSETNX",
    "HVALS",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "INFO",
    "KEYS",
    "LINDEX",
    "LINSERT",
    "LLEN",
    "LMOVE",
    "LPOP",
    "LPUSH",
    "LRANGE",
    "LREM",
    "LSET",
    "LTRIM",
    "MGET",
    "MSET",
    "MSETNX",
    "MULTI",
    "PERSIST",
    "PEXPIRE",
    "PFADD",
    "PFCOUNT",
    "PING",
    "PSETEX",
    "PSUBSCRIBE",
    "PTTL",
    "PUBLISH",
    "READONLY",
    "RENAME",
    "RPOP",
    "RPUSH",
    "SADD",
    "SCAN",
    "SCARD",
    "SCRIPT",
    "SELECT",
    "SET",
    "SETEX",
    "SETNX",
    "SISMEMBER",
    "SMEMBERS",
    "SREM",
    "SUBSCRIBE",
    "TTL",
    "TYPE",
    "UNLINK",
    "WATCH",
    "XADD",
    "XREAD",
    "XREADGROUP",
    "ZADD",
    "ZRANGE",
    "ZRANGEBYSCORE",
    "ZREM",
];

/// Whether `bytes` begin with a command.
pub fn detect(bytes: &[u8]) -> Detection {
    match head(bytes) {
        Read::Value((command, _)) => {
            if KNOWN.iter().any(|known| known.eq_ignore_ascii_case(command.name)) {
                Detection::Request
            } else {
                Detection::No
            }
        }
        Read::NeedMore => Detection::NeedMore,
        Read::No => Detection::No,
    }
}

/// The parser of the client's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    place: Place,
    /// Arguments of the command at hand that have not begun.
    arguments: u32,
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Command<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        if self.arguments > 0 {
            return match number(b'$', bytes) {
                Read::Value((length @ 0.., head)) => {
                    self.arguments -= 1;
                    self.place.skip(head as u64 + length.unsigned_abs() + 2);
                    Step::Skip(head as u64 + length.unsigned_abs() + 2)
                }
                Read::NeedMore => self.wait(follows),
                Read::Value(_) | Read::No => self.refuse(Reason::NotAMessage),
            };
        }
        match head(bytes) {
            Read::Value((command, consumed)) => {
                self.arguments = command.arguments - u32::from(command.subcommand.is_some());
                Step::Message { message: command, consumed }
            }
            Read::NeedMore => self.wait(follows),
            Read::No => self.refuse(Reason::NotAMessage),
        }
    }

    fn wait<M>(&mut self, follows: Follows) -> Step<M> {
        match follows {
            Follows::Maybe => Step::NeedMore,
            Follows::Gap => self.refuse(Reason::CutTooEarly),
        }
    }

    fn refuse<M>(&mut self, reason: Reason) -> Step<M> {
        self.arguments = 0;
        self.place.refuse(reason)
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.arguments = 0;
        }
        gap
    }

    /// Goes on where `bytes` begin with a known command; nowhere else, since values may contain what looks like commands.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        if detect(bytes) != Detection::Request {
            return None;
        }
        self.arguments = 0;
        self.place.found();
        Some(0)
    }
}

/// The head of a command, and how many bytes it takes.
fn head(bytes: &[u8]) -> Read<(Command<'_>, usize)> {
    let (count, at) = match number(b'*', bytes) {
        Read::Value((count @ 1.., at)) => (count, at),
        Read::NeedMore => return Read::NeedMore,
        Read::Value(_) | Read::No => return Read::No,
    };
    let Ok(arguments) = u32::try_from(count - 1) else { return Read::No };
    let (name, mut end) = match word(&bytes[at..]) {
        Read::Value((name, end)) => (name, at + end),
        Read::NeedMore => return Read::NeedMore,
        Read::No => return Read::No,
    };
    let mut subcommand = None;
    if arguments == 2 && name.eq_ignore_ascii_case("CLIENT") {
        match word(&bytes[end..]) {
            Read::Value((word, size)) => {
                subcommand = Some(word);
                end += size;
            }
            Read::NeedMore => return Read::NeedMore,
            Read::No => {}
        }
    }
    Read::Value((Command { name, subcommand, arguments }, end))
}

/// A bulk string that is a word of letters, digits, dots, dashes and underscores.
fn word(bytes: &[u8]) -> Read<(&str, usize)> {
    let (length, at) = match number(b'$', bytes) {
        Read::Value((length @ 1.., at)) if length as usize <= MAX_NAME => (length as usize, at),
        Read::NeedMore => return Read::NeedMore,
        Read::Value(_) | Read::No => return Read::No,
    };
    let rest = &bytes[at..];
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let seen = rest.len().min(length);
    if !rest[..seen].iter().all(fits) || !rest[seen..].iter().zip(b"\r\n").all(|(a, b)| a == b) {
        return Read::No;
    }
    if rest.len() < length + 2 {
        return Read::NeedMore;
    }
    match std::str::from_utf8(&rest[..length]) {
        Ok(name) => Read::Value((name, at + length + 2)),
        Err(_) => Read::No,
    }
}
