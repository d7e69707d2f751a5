//! The client's direction.

use super::{
    Detection,
    limits::{MAX_LOGIN, MAX_NAME, MAX_STATEMENT},
    login::Login,
    packet::{Front, Packet, read},
};
use crate::{
    contract::{Follows, Gap, Reason, Side, Step},
    framing::Place,
};

/// What a packet of the client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// The client logs in.
    Login(Login<'a>),
    /// A statement as text.
    Query(&'a [u8]),
    /// A statement is prepared.
    Prepare(&'a [u8]),
    /// The prepared statement of this number is run; `u32::MAX` is the one prepared last (MariaDB).
    Execute(u32),
    /// More rows of what the prepared statement of this number found.
    Fetch(u32),
    /// A prepared statement is forgotten. Nothing answers this.
    Close(u32),
    /// Another database is the default from now on.
    UseDatabase(&'a [u8]),
    /// The columns of a table.
    Fields,
    /// Another user.
    ChangeUser,
    /// A line about the server.
    Statistics,
    /// Something else, by the command's name, that is answered like a statement.
    Other(&'static str),
    /// Nothing answers this.
    Silent,
    /// The server's log is sent from now on.
    Replication,
}

/// Commands (MySQL documentation, "Command Phase"; MariaDB's `COM_STMT_BULK_EXECUTE`).
mod command {
    pub(super) const QUIT: u8 = 0x01;
    pub(super) const INIT_DB: u8 = 0x02;
    pub(super) const QUERY: u8 = 0x03;
    pub(super) const FIELD_LIST: u8 = 0x04;
    pub(super) const STATISTICS: u8 = 0x09;
    pub(super) const PING: u8 = 0x0e;
    pub(super) const CHANGE_USER: u8 = 0x11;
    pub(super) const BINLOG_DUMP: u8 = 0x12;
    pub(super) const PREPARE: u8 = 0x16;
    pub(super) const EXECUTE: u8 = 0x17;
    pub(super) const SEND_LONG_DATA: u8 = 0x18;
    pub(super) const CLOSE: u8 = 0x19;
    pub(super) const FETCH: u8 = 0x1c;
    pub(super) const BINLOG_DUMP_GTID: u8 = 0x1e;
    pub(super) const BULK_EXECUTE: u8 = 0xfa;
}

/// The parser of the client's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    place: Place,
    /// A command was seen: the login is over.
    logged_in: bool,
}

/// How many bytes of a packet are kept.
fn kept(number: u8, _: usize, first: u8) -> usize {
    if number != 0 {
        return MAX_LOGIN;
    }
    match first {
        command::QUERY | command::PREPARE => MAX_STATEMENT,
        command::INIT_DB => MAX_NAME,
        _ => 5,
    }
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Request<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        let logged_in = self.logged_in;
        let kept =
            |number, length, first| if number != 0 && logged_in { 1 } else { kept(number, length, first) };
        match read(bytes, follows, kept) {
            Front::Packet(packet) => {
                let Some(message) = self.request(&packet) else {
                    return self.place.refuse(Reason::NotAMessage);
                };
                self.place.skip(packet.rest());
                Step::Message { message, consumed: packet.seen() }
            }
            Front::NeedMore => Step::NeedMore,
            Front::Cut => self.place.refuse(Reason::CutTooEarly),
        }
    }

    fn request<'a>(&mut self, packet: &Packet<'a>) -> Option<Request<'a>> {
        if packet.number != 0 {
            // The rest of a long command, the content of a file that was asked for, an answer within the login.
            let login = if self.logged_in { None } else { Login::read(packet) };
            return Some(login.map_or(Request::Silent, Request::Login));
        }
        let (&first, rest) = packet.body.split_first()?;
        let request = request(first, rest)?;
        self.logged_in = true;
        Some(request)
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a statement.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        if detect(bytes) != Detection::Found(Side::Request) {
            return None;
        }
        self.place.found();
        Some(0)
    }
}

fn request(first: u8, rest: &[u8]) -> Option<Request<'_>> {
    let id = || rest.first_chunk().map_or(u32::MAX - 1, |id| u32::from_le_bytes(*id));
    Some(match first {
        command::QUERY => Request::Query(text(rest)),
        command::PREPARE => Request::Prepare(rest),
        command::EXECUTE | command::BULK_EXECUTE => Request::Execute(id()),
        command::FETCH => Request::Fetch(id()),
        command::CLOSE => Request::Close(id()),
        command::INIT_DB => Request::UseDatabase(rest),
        command::FIELD_LIST => Request::Fields,
        command::STATISTICS => Request::Statistics,
        command::CHANGE_USER => Request::ChangeUser,
        command::QUIT | command::SEND_LONG_DATA => Request::Silent,
        command::BINLOG_DUMP | command::BINLOG_DUMP_GTID => Request::Replication,
        0x05 => Request::Other("CREATE DATABASE"),
        0x06 => Request::Other("DROP DATABASE"),
        0x07 => Request::Other("REFRESH"),
        0x08 => Request::Other("SHUTDOWN"),
        0x0a => Request::Other("PROCESSLIST"),
        0x0c => Request::Other("KILL"),
        0x0d => Request::Other("DEBUG"),
        command::PING => Request::Other("PING"),
        0x15 => Request::Other("REGISTER REPLICA"),
        0x1a => Request::Other("RESET STATEMENT"),
        0x1b => Request::Other("SET OPTION"),
        0x1f => Request::Other("RESET CONNECTION"),
        _ => return None,
    })
}

/// The text of a statement, without the attributes that may stand in front of it: their number, and a one
/// (`CLIENT_QUERY_ATTRIBUTES`). Nothing of a statement that has some.
fn text(body: &[u8]) -> &[u8] {
    let text = body.strip_prefix(&[0, 1]).unwrap_or(body);
    if matches!(text.first(), Some(1..=8)) { &[] } else { text }
}

/// Text, or the space in front of it.
fn is_text(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) || b"\n\t\r".contains(&byte)
}

/// Whether `bytes` begin with a server's greeting, a client's login, or a statement.
pub(super) fn detect(bytes: &[u8]) -> Detection {
    let Some(&[low, middle, high, number, first]) = bytes.first_chunk() else {
        return if bytes.get(3).is_none_or(|number| *number < 3) {
            Detection::NeedMore
        } else {
            Detection::No
        };
    };
    let length = u32::from_le_bytes([low, middle, high, 0]);
    let request = |is_one: Option<bool>| match is_one {
        Some(true) => Detection::Found(Side::Request),
        Some(false) => Detection::No,
        None => Detection::NeedMore,
    };
    if number == 1 || number == 2 {
        return if length < 32 { Detection::No } else { request(super::login::looks_like_one(bytes)) };
    }
    if number != 0 {
        return Detection::No;
    }
    let second = bytes.get(5).copied();
    match first {
        10 if length > 32 => match second {
            Some(b'0'..=b'9') => Detection::Found(Side::Response),
            Some(_) => Detection::No,
            None => Detection::NeedMore,
        },
        command::QUERY | command::PREPARE if length > 1 => request(match second {
            Some(0) => bytes.get(6).map(|&sets| sets == 1),
            second => second.map(is_text),
        }),
        command::INIT_DB if length > 1 => request(second.map(is_text)),
        command::PING => request(Some(length == 1)),
        command::EXECUTE if length >= 10 => {
            request(bytes.get(10..14).map(|times| times == [1, 0, 0, 0] && bytes[9] < 16))
        }
        _ => Detection::No,
    }
}
