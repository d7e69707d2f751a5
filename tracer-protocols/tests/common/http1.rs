//! The HTTP/1 parser behind [`Direction`].

use tracer_protocols::context::Extractor;
use tracer_protocols::http1::limits::MAX_HEAD;
use tracer_protocols::http1::{End, Follows, Message, Method, Parser, Side, Step};

use super::{Direction, Entry, Habits, Piece, extractor, framed, pieces, run, whole};

/// How the caller behaves and what it knows.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub side: Side,
    /// The method that every response answers.
    pub answering: Option<Method>,
    /// Remembers what is left of a skip, and reports the part of a gap within it by `skipped` instead of `gap`.
    pub holds_skips: bool,
    /// The connection ends behind the last piece.
    pub closes: bool,
}

impl Caller {
    pub const CLIENT: Self = Self { side: Side::Request, answering: None, holds_skips: false, closes: false };
    pub const SERVER: Self =
        Self { side: Side::Response, answering: Some(Method::Get), holds_skips: false, closes: false };

    pub fn answering(self, answering: Option<Method>) -> Self {
        Self { answering, ..self }
    }

    pub fn holding_skips(self) -> Self {
        Self { holds_skips: true, ..self }
    }

    pub fn closing(self) -> Self {
        Self { closes: true, ..self }
    }
}

/// Drives a parser over `pieces`.
pub fn drive(caller: Caller, pieces: &[Piece]) -> Vec<Entry> {
    let direction = Http1 { caller, parser: Parser::new(caller.side), extractor: extractor(), open: false };
    run(direction, Habits { holds_skips: caller.holds_skips, closes: caller.closes }, pieces)
}

/// The short log of one run of bytes.
pub fn shorts(caller: Caller, pieces: &[Piece]) -> Vec<String> {
    drive(caller, pieces).into_iter().map(|entry| entry.short).collect()
}

struct Http1 {
    caller: Caller,
    parser: Parser,
    extractor: Extractor,
    /// A head has come whose end has not.
    open: bool,
}

impl Direction for Http1 {
    const MAX_KEPT: usize = MAX_HEAD;

    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
        let owed = self.parser.owes_end();
        let step = self.parser.step(bytes, follows, self.caller.answering);
        if bytes.is_empty() {
            let ends = matches!(step, Step::Message { .. });
            assert_eq!(owed, ends, "without bytes, an end and nothing else");
        }
        match step {
            Step::Message { message, consumed } => Step::Message { message: self.entry(&message), consumed },
            Step::NeedMore => Step::NeedMore,
            Step::Skip(n) => Step::Skip(n),
            Step::NotThis(reason) => Step::NotThis(reason),
        }
    }

    fn skipped(&mut self, n: u64) {
        self.parser.skipped(n);
    }

    fn gap(&mut self, n: u64) {
        self.parser.gap(n);
    }

    fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        self.parser.resync(bytes)
    }

    fn close(&mut self) -> Option<Entry> {
        let idle = self.parser.is_idle();
        match self.parser.connection_end() {
            Some(end) => {
                assert!(!idle);
                Some(self.entry(&Message::End(end)))
            }
            None => self.open.then(|| Entry::new("aborted", "", false)),
        }
    }
}

impl Http1 {
    fn entry(&mut self, message: &Message<'_>) -> Entry {
        let truncated = |truncated| if truncated { "~" } else { "" };
        let (short, lost) = match message {
            Message::Request(head) => {
                (format!("{} {}{}", head.method_text, head.target, truncated(head.truncated)), head.truncated)
            }
            Message::Informational(status) => (format!("{status}"), false),
            Message::Response(head) => {
                (format!("{}{}", head.status, truncated(head.truncated)), head.truncated)
            }
            Message::End(End { body_bytes, certain }) => {
                let bytes = body_bytes.map_or("?".to_owned(), |n| n.to_string());
                (format!("end {bytes}{}", truncated(!certain)), body_bytes.is_none())
            }
        };
        match message {
            Message::Request(_) | Message::Response(_) => {
                assert!(!self.open, "a head before the end of the last message");
                self.open = true;
            }
            Message::End(_) => {
                assert!(self.open, "an end without head");
                self.open = false;
            }
            Message::Informational(_) => assert!(!self.open),
        }
        let context = match message {
            Message::Request(head) => {
                let carried = self.extractor.context(head);
                if let Some(carried) = &carried {
                    let ids = carried.context;
                    assert!(ids.trace_id != [0; 16] && ids.span_id != [0; 8], "an id of zeros");
                }
                format!(" {carried:?} {:?}", self.extractor.baggage(head))
            }
            _ => String::new(),
        };
        Entry::new(&short, &format!("{message:?}{context}"), lost)
    }
}

/// What the fuzz target and its seeds mean: one byte for the caller, then [`pieces`].
///
/// Caller: bit 0 response side, bits 1 and 2 the method answered (unknown, GET, HEAD, CONNECT), bit 3 holds skips, bit 4
/// closes.
pub fn replay(input: &[u8]) -> Vec<Entry> {
    let Some((&flags, rest)) = input.split_first() else { return Vec::new() };
    let caller = Caller {
        side: if flags & 1 == 0 { Side::Request } else { Side::Response },
        answering: [None, Some(Method::Get), Some(Method::Head), Some(Method::Connect)]
            [usize::from(flags >> 1 & 3)],
        holds_skips: flags & 8 != 0,
        closes: flags & 16 != 0,
    };
    let pieces = pieces(rest);
    let log = drive(caller, &pieces);
    if let Some(whole) = whole(&pieces) {
        let unsplit = drive(caller, &[Piece::Bytes(whole)]);
        assert_eq!(framed(&log), framed(&unsplit), "the split changes the messages");
    }
    log
}
