//! Messages (RFC 1035, section 4.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{limits::MAX_RECORDS, name::Name};

/// Bytes of a message's header.
pub(super) const HEADER: usize = 12;
/// `IN`
const INTERNET: u16 = 1;
/// `A`
const A: u16 = 1;
/// `AAAA` (RFC 3596)
const AAAA: u16 = 28;

/// Which half of an exchange a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A question.
    Query,
    /// An answer.
    Response,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name.
    pub name: Name<'a>,
    /// The type of records.
    pub record: u16,
}

impl Question<'_> {
    /// The name of the type (IANA, "Domain Name System (DNS) Parameters"); `TYPE` where it is none of those that are asked for.
    pub fn record_name(&self) -> &'static str {
        match self.record {
            A => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            12 => "PTR",
            15 => "MX",
            16 => "TXT",
            AAAA => "AAAA",
            33 => "SRV",
            35 => "NAPTR",
            43 => "DS",
            48 => "DNSKEY",
            64 => "SVCB",
            65 => "HTTPS",
            255 => "ANY",
            257 => "CAA",
            _ => "TYPE",
        }
    }
}

/// A message with one question, as all that resolvers send have.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    /// Tells which answer is for which question.
    pub id: u16,
    /// What it is.
    pub kind: Kind,
    /// `RCODE` of an answer: see [`rcode`].
    pub rcode: u8,
    /// The answer did not fit into a datagram; the client asks again over TCP.
    pub truncated: bool,
    /// What is asked, which answers repeat.
    pub question: Question<'a>,
    /// Records of the answer.
    answers: u16,
    /// Where they begin.
    at: usize,
}

/// Reads the message at the front of `bytes`, of which the end may be missing. `None` where it is none, or one that asks nothing of a name:
/// zone transfers, updates and notifications among servers, several questions.
pub fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let header = bytes.first_chunk::<HEADER>()?;
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let flags = number(2);
    let (is_response, opcode) = (flags >> 15 != 0, flags >> 11 & 15);
    let (questions, answers) = (number(4), number(6));
    if opcode != 0 || questions != 1 || !is_response && (answers != 0 || flags & 0x820f != 0) {
        return None;
    }
    let (name, end) = Name::read(bytes, HEADER)?;
    let rest = bytes.get(end..end + 4)?;
    if u16::from_be_bytes([rest[2], rest[3]]) != INTERNET {
        return None;
    }
    Some(Message {
        bytes,
        id: number(0),
        kind: if is_response { Kind::Response } else { Kind::Query },
        rcode: (flags & 15) as u8,
        truncated: flags & 0x200 != 0,
        question: Question { name, record: u16::from_be_bytes([rest[0], rest[1]]) },
        answers,
        at: end + 4,
    })
}

impl<'a> Message<'a> {
    /// The addresses among the answers as far as they were seen, each with the seconds for which it may be kept. Whatever names lie between
    /// (CNAME), they are addresses of the one that was asked for.
    pub fn addresses(&self) -> impl Iterator<Item = (IpAddr, u32)> + use<'a> {
        let (bytes, mut at) = (self.bytes, self.at);
        let records = usize::from(self.answers).min(MAX_RECORDS);
        let records = (0..records).map_while(move |_| {
            let (_, end) = Name::read(bytes, at)?;
            let fixed = bytes.get(end..)?.first_chunk::<10>()?;
            let number = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
            let (kind, class, length) = (number(0), number(2), usize::from(number(8)));
            let seconds = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
            let data = bytes.get(end + 10..end + 10 + length)?;
            at = end + 10 + length;
            Some((kind, class, seconds, data))
        });
        records.filter_map(|(kind, class, seconds, data)| {
            let address = match (kind, class) {
                (A, INTERNET) => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
                (AAAA, INTERNET) => {
                    IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)).to_canonical()
                }
                _ => return None,
            };
            Some((address, seconds))
        })
    }
}

/// The name of an `RCODE` (RFC 6895, section 2.3); `None` for the one that is no error.
pub fn rcode(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => return None,
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        _ => "_OTHER",
    })
}
