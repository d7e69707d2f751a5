//! The server's direction.

use super::{
    limits::{GOES_ON, MAX_COLUMNS, MAX_END, MAX_GREETING},
    packet::{Front, Packet, number, read},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// What answers a command. It says nothing of it itself, so the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expects {
    /// A result, or several.
    Results,
    /// What a prepared statement needs and gives.
    Prepared,
    /// Rows that are not described again: `COM_STMT_FETCH`, `COM_FIELD_LIST`.
    Rows,
    /// One packet, whatever it holds: `COM_STATISTICS`.
    Text,
    /// A dialogue up to success or failure: `COM_CHANGE_USER`.
    Login,
}

/// What comes from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The connection begins.
    Greeting {
        /// The server says that it is MariaDB.
        is_mariadb: bool,
    },
    /// The answer begins, or goes on with another result.
    Begin,
    /// The answer begins: the statement has this number.
    Prepared(u32),
    /// Something went wrong: the error's number.
    Error(u16),
    /// The answer is over.
    End,
}

/// What the next packet of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// The first.
    #[default]
    Fresh,
    /// The first of a further result, or the next of a dialogue.
    More,
    /// One of so many descriptions of columns.
    Columns(u64),
    /// What is behind those: in older servers a mark, else a row.
    BehindColumns,
    /// A row, or the end of them.
    Rows,
    /// One of so many descriptions of parameters, then of columns, each with a mark behind or not.
    Prepared { parameters: u16, columns: u16 },
}

/// The kind of a packet by its first byte.
mod kind {
    pub(super) const OK: u8 = 0x00;
    pub(super) const FILE_WANTED: u8 = 0xfb;
    pub(super) const END: u8 = 0xfe;
    pub(super) const ERROR: u8 = 0xff;
}

/// Length of the mark behind descriptions and rows that newer servers leave out (`CLIENT_DEPRECATE_EOF`).
const MARK: usize = 5;
/// `SERVER_MORE_RESULTS_EXISTS`
const MORE_RESULTS: u16 = 0x0008;
/// `SERVER_STATUS_CURSOR_EXISTS`: rows have to be fetched.
const CURSOR: u16 = 0x0040;
/// `SERVER_STATUS_IN_TRANS` and `SERVER_STATUS_AUTOCOMMIT`, of which one is mostly set.
const TRANSACTION: u16 = 0x0003;

/// The parser of the server's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    place: Place,
    phase: Phase,
    /// Number of the answer's next packet, where only the server speaks.
    next: Option<u8>,
    /// The packet at hand goes on in the next one.
    goes_on: bool,
    /// The answer is over and that was not said yet.
    over: bool,
    /// Whether marks stand behind descriptions; not known before the first result.
    marks: Option<bool>,
    /// One more mark may belong to the answer that is over.
    mark_due: bool,
}

impl Answers {
    /// See [`crate::contract`]. `expects`: what answers the oldest command that is not answered yet.
    pub fn step(&mut self, bytes: &[u8], follows: Follows, expects: Option<Expects>) -> Step<Answer> {
        if let Some(n) = self.place.to_skip() {
            return Step::Skip(n);
        }
        if std::mem::take(&mut self.over) {
            self.phase = Phase::Fresh;
            return Step::Message { message: Answer::End, consumed: 0 };
        }
        if bytes.is_empty() {
            return Step::NeedMore;
        }
        if self.place.is_adrift() {
            return Step::NotThis(Reason::NotAMessage);
        }
        let phase = self.phase;
        let kept = |number, length, first| kept(phase, expects.is_some(), (number, length, first));
        match read(bytes, follows, kept) {
            Front::Packet(packet) => self.packet(&packet, expects),
            Front::NeedMore => Step::NeedMore,
            Front::Cut => self.refuse(Reason::CutTooEarly),
        }
    }

    fn packet(&mut self, packet: &Packet<'_>, expects: Option<Expects>) -> Step<Answer> {
        if std::mem::take(&mut self.goes_on) {
            self.goes_on = packet.length == GOES_ON;
            self.next = Some(packet.number.wrapping_add(1));
            return self.pass(packet);
        }
        let follows_last = self.next == Some(packet.number);
        if self.phase == Phase::Fresh {
            let is_due = std::mem::take(&mut self.mark_due);
            if is_due && follows_last && is_mark(packet) {
                return self.pass(packet);
            }
            let Some(expects) = expects else { return self.unasked(packet) };
            if packet.number == 0 {
                return self.refuse(Reason::NotAMessage);
            }
            return self.take(packet, expects);
        }
        if self.next.is_some() && !follows_last {
            return self.refuse(Reason::NotAMessage);
        }
        // One that nobody waits for any more.
        self.take(packet, expects.unwrap_or(Expects::Results))
    }

    /// A packet while no command waits for its answer: what belongs to the login, but for the greeting.
    fn unasked(&mut self, packet: &Packet<'_>) -> Step<Answer> {
        self.goes_on = packet.length == GOES_ON;
        if packet.number != 0 || packet.kind() != Some(10) {
            return self.pass(packet);
        }
        let version = packet.body.split(|&byte| byte == 0).next().unwrap_or_default();
        let is_mariadb = version.windows(7).any(|word| word == b"MariaDB");
        self.place.skip(packet.rest());
        Step::Message { message: Answer::Greeting { is_mariadb }, consumed: packet.seen() }
    }

    fn take(&mut self, packet: &Packet<'_>, expects: Expects) -> Step<Answer> {
        self.next = Some(packet.number.wrapping_add(1));
        self.goes_on = packet.length == GOES_ON;
        match self.phase {
            Phase::Fresh | Phase::More if packet.kind() == Some(kind::ERROR) => self.error(packet),
            Phase::Fresh | Phase::More => self.begin(packet, expects),
            Phase::Columns(left) => {
                self.phase = if left > 1 { Phase::Columns(left - 1) } else { Phase::BehindColumns };
                self.pass(packet)
            }
            Phase::BehindColumns => {
                self.phase = Phase::Rows;
                self.marks = Some(is_mark(packet));
                if !is_mark(packet) {
                    return self.row(packet);
                }
                self.over = status(packet) & CURSOR != 0;
                self.pass(packet)
            }
            Phase::Rows => self.row(packet),
            Phase::Prepared { parameters, columns } => {
                self.described(packet, parameters, columns);
                self.pass(packet)
            }
        }
    }

    /// The first packet of an answer or a result, which is no error.
    fn begin(&mut self, packet: &Packet<'_>, expects: Expects) -> Step<Answer> {
        let mut message = Answer::Begin;
        match (expects, packet.kind()) {
            (Expects::Rows, _) => {
                self.phase = Phase::Rows;
                self.end(packet);
            }
            (Expects::Text, _) => self.over = true,
            (Expects::Prepared, Some(kind::OK)) if packet.body.len() >= 9 => {
                let word = |at: usize| u16::from_le_bytes([packet.body[at], packet.body[at + 1]]);
                let id = u32::from(word(1)) | u32::from(word(3)) << 16;
                message = Answer::Prepared(id);
                let (columns, parameters) = (word(5), word(7));
                self.phase = Phase::Prepared { parameters, columns };
                self.over = columns == 0 && parameters == 0;
            }
            (_, Some(kind::OK)) => self.finished(status(packet)),
            // The client speaks next.
            (Expects::Login, _) | (Expects::Results, Some(kind::FILE_WANTED)) => {
                self.phase = Phase::More;
                self.next = None;
            }
            (_, Some(kind::END)) => self.finished(status(packet)),
            (Expects::Results, Some(_)) => match number(packet.body) {
                // A byte behind the number says whether descriptions follow (MariaDB's MARIADB_CLIENT_CACHE_METADATA).
                Some((_, [0])) if packet.length == packet.body.len() => self.phase = Phase::BehindColumns,
                Some((columns @ 1..=MAX_COLUMNS, [] | [_])) => self.phase = Phase::Columns(columns),
                _ => return self.refuse(Reason::NotAMessage),
            },
            (Expects::Prepared, _) | (Expects::Results, None) => return self.refuse(Reason::NotAMessage),
        }
        self.place.skip(packet.rest());
        Step::Message { message, consumed: packet.seen() }
    }

    fn error(&mut self, packet: &Packet<'_>) -> Step<Answer> {
        let code = packet.body.get(1..3).map_or(0, |code| u16::from_le_bytes([code[0], code[1]]));
        self.over = true;
        self.place.skip(packet.rest());
        Step::Message { message: Answer::Error(code), consumed: packet.seen() }
    }

    /// A row, the end of them, or an error in their place.
    fn row(&mut self, packet: &Packet<'_>) -> Step<Answer> {
        if packet.kind() == Some(kind::ERROR) {
            return self.error(packet);
        }
        self.end(packet);
        self.pass(packet)
    }

    fn end(&mut self, packet: &Packet<'_>) {
        // A row whose first value has so many bytes that their number takes nine begins like that too, and fills its packet.
        if packet.kind() == Some(kind::END) && packet.length < GOES_ON {
            self.finished(status(packet));
        }
    }

    /// A result is over.
    fn finished(&mut self, status: u16) {
        if status & MORE_RESULTS != 0 {
            self.phase = Phase::More;
        } else {
            self.over = true;
        }
    }

    /// A description of what a prepared statement needs or gives, or a mark behind some.
    fn described(&mut self, packet: &Packet<'_>, mut parameters: u16, mut columns: u16) {
        let is_mark = is_mark(packet);
        if is_mark {
            self.marks = Some(true);
        } else if parameters > 0 {
            parameters -= 1;
        } else {
            columns = columns.saturating_sub(1);
        }
        self.phase = Phase::Prepared { parameters, columns };
        if parameters == 0 && columns == 0 {
            self.over = is_mark || self.marks != Some(true);
            self.mark_due = !is_mark && self.marks.is_none();
        }
    }

    fn pass(&mut self, packet: &Packet<'_>) -> Step<Answer> {
        let size = packet.seen() as u64 + packet.rest();
        self.place.skip(size);
        Step::Skip(size)
    }

    fn refuse(&mut self, reason: Reason) -> Step<Answer> {
        self.lose();
        Step::NotThis(reason)
    }

    fn lose(&mut self) {
        *self = Self { marks: self.marks, ..Self::default() };
        self.place.lose();
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        let gap = self.place.gap(n);
        if gap == Gap::Lost {
            self.lose();
        }
        gap
    }

    /// Goes on where `bytes` end in the end of a result: the client is waited for behind it, or another result follows. Eight bytes are enough.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let (packet_number, status) = match *bytes.last_chunk()? {
            [0, 0, number, kind::END, _, _, low, high] | [number, kind::END, 0, 0, low, high, _, _] => {
                (number, [low, high])
            }
            _ => return None,
        };
        let status = u16::from_le_bytes(status);
        if status & TRANSACTION == 0 {
            return None;
        }
        self.restart();
        self.next = Some(packet_number.wrapping_add(1));
        self.finished(status);
        Some(bytes.len())
    }

    /// What comes next begins an answer: a command was sent when everything before it was answered.
    pub fn restart(&mut self) {
        *self = Self { marks: self.marks, ..Self::default() };
    }
}

/// How many bytes of a packet are kept.
fn kept(phase: Phase, is_asked: bool, (number, length, first): (u8, usize, u8)) -> usize {
    match phase {
        Phase::Fresh if !is_asked => {
            if number == 0 && first == 10 {
                MAX_GREETING
            } else {
                1
            }
        }
        Phase::Fresh | Phase::More => MAX_END,
        Phase::Columns(_) => 1,
        Phase::BehindColumns | Phase::Rows | Phase::Prepared { .. } => match first {
            kind::ERROR => MAX_END,
            kind::END if length < GOES_ON => MAX_END,
            _ => 1,
        },
    }
}

fn is_mark(packet: &Packet<'_>) -> bool {
    packet.kind() == Some(kind::END) && packet.length == MARK
}

/// The flags of a packet that says that something is over: a mark has them last, others behind two numbers.
fn status(packet: &Packet<'_>) -> u16 {
    let body = packet.body.get(1..).unwrap_or_default();
    let flags = if packet.length == MARK {
        body.get(2..)
    } else {
        number(body).and_then(|(_, rest)| number(rest)).map(|(_, rest)| rest)
    };
    flags.and_then(|flags| flags.first_chunk()).map_or(0, |flags| u16::from_le_bytes(*flags))
}
