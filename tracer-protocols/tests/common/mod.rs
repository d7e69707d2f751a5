//! A stand-in for the stream layer: drives a parser as `tracer_protocols::contract` says, checks what the contract promises
//! at every step, and logs what came out. Tests, the corpus replay and the fuzz target share it.
#![allow(dead_code, reason = "each user of this module takes its part")]
#![allow(unreachable_pub, reason = "compiled into several crates, public in none")]

use tracer_protocols::context::{Extractor, Format, HeaderPair};
use tracer_protocols::http1::limits::MAX_HEAD;
use tracer_protocols::http1::{End, Follows, Message, Method, Parser, Side, Step};

/// A part of a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    Gap(u64),
}

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

/// One thing that came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// For people: `GET /a`, `200`, `100`, `end 5`, `end ?`, `refused`, `aborted`. `~` follows what is truncated or
    /// uncertain.
    pub short: String,
    /// Everything, for comparing.
    pub full: String,
    /// Framing was lost before this.
    pub lost: bool,
}

/// Drives a parser over `pieces`.
pub fn drive(caller: Caller, pieces: &[Piece]) -> Vec<Entry> {
    let mut run = Run {
        caller,
        parser: Parser::new(caller.side),
        extractor: extractor(),
        kept: Vec::new(),
        skip: 0,
        open: false,
        log: Vec::new(),
    };
    for (at, piece) in pieces.iter().enumerate() {
        // A gap of nothing hides no gap behind it: what is kept has to be handed in before that one.
        let follows = match pieces[at + 1..].iter().find(|piece| **piece != Piece::Gap(0)) {
            Some(Piece::Gap(_)) => Follows::Gap,
            _ => Follows::Maybe,
        };
        match piece {
            Piece::Bytes(bytes) => run.bytes(bytes, follows),
            Piece::Gap(n) => run.gap(*n),
        }
    }
    if caller.closes {
        run.close();
    }
    run.log
}

/// The short log of one run of bytes.
pub fn shorts(caller: Caller, pieces: &[Piece]) -> Vec<String> {
    drive(caller, pieces).into_iter().map(|entry| entry.short).collect()
}

/// Reads every format there is.
fn extractor() -> Extractor {
    let formats = [Format::W3c, Format::B3, Format::Jaeger, Format::Xray, Format::Baggage];
    let pair = HeaderPair::new("x-trace-id", "x-span-id", Some("x-baggage-")).unwrap();
    Extractor::new(&formats, vec![pair], &["key".to_owned()])
}

struct Run {
    caller: Caller,
    parser: Parser,
    extractor: Extractor,
    kept: Vec<u8>,
    /// What is left of a skip that the caller holds.
    skip: u64,
    /// A head has come whose end has not.
    open: bool,
    log: Vec<Entry>,
}

impl Run {
    fn bytes(&mut self, bytes: &[u8], follows: Follows) {
        let held = self.skip.min(bytes.len() as u64);
        if held > 0 {
            self.parser.skipped(held);
            self.skip -= held;
        }
        self.kept.extend_from_slice(&bytes[held as usize..]);
        let kept = std::mem::take(&mut self.kept);
        let at = self.run(&kept, follows);
        self.kept.extend_from_slice(&kept[at..]);
        assert!(self.kept.len() < MAX_HEAD, "{} bytes kept", self.kept.len());
        assert!(follows == Follows::Maybe || self.kept.is_empty(), "bytes kept before a gap");
    }

    /// The loop of the contract. Says how many bytes are done with.
    fn run(&mut self, bytes: &[u8], follows: Follows) -> usize {
        let mut at = 0;
        for _ in 0..16 + 4 * bytes.len() {
            let rest = &bytes[at..];
            let owed = self.parser.owes_end();
            let step = self.parser.step(rest, follows, self.caller.answering);
            if rest.is_empty() {
                assert_eq!(
                    owed,
                    matches!(step, Step::Message { .. }),
                    "without bytes, an end and nothing else"
                );
            }
            match step {
                Step::Message { message, consumed } => {
                    assert!(consumed <= rest.len());
                    self.message(&message);
                    at += consumed;
                }
                Step::Skip(n) => {
                    assert!(n > 0, "a skip of nothing");
                    let now = n.min(rest.len() as u64);
                    if now > 0 {
                        self.parser.skipped(now);
                    }
                    at += now as usize;
                    if self.caller.holds_skips {
                        self.skip = n - now;
                    }
                    if now < n {
                        return at;
                    }
                }
                Step::NotThis(reason) => {
                    self.enter("refused", reason.name(), true);
                    match self.parser.resync(rest) {
                        Some(offset) => {
                            assert!(offset <= rest.len());
                            at += offset;
                        }
                        None => return bytes.len(),
                    }
                }
                Step::NeedMore => return at,
            }
        }
        panic!("no end of steps: {:?}", self.parser);
    }

    fn gap(&mut self, n: u64) {
        let held = self.skip.min(n);
        if held > 0 {
            self.parser.skipped(held);
            self.skip -= held;
        }
        assert!(n == held || self.kept.is_empty(), "the caller keeps bytes over a gap");
        self.parser.gap(n - held);
        self.run(&[], Follows::Maybe);
    }

    fn close(&mut self) {
        let idle = self.parser.is_idle();
        match self.parser.connection_end() {
            Some(end) => {
                assert!(!idle);
                self.message(&Message::End(end));
            }
            None if self.open => self.enter("aborted", "", false),
            None => {}
        }
    }

    fn message(&mut self, message: &Message<'_>) {
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
        self.enter(&short, &format!("{message:?}{context}"), lost);
    }

    fn enter(&mut self, short: &str, full: &str, lost: bool) {
        self.log.push(Entry { short: short.to_owned(), full: full.to_owned(), lost });
    }
}

/// The log up to where framing was lost: this part must not depend on how the bytes were split.
pub fn framed(log: &[Entry]) -> &[Entry] {
    let lost = log.iter().position(|entry| entry.lost).unwrap_or(log.len());
    &log[..lost]
}

/// What the fuzz target and its seeds mean: one byte for the caller, then bytes as they are, but `0xfe` splits and
/// `0xff n` is a gap of n * n bytes.
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
    let whole: Option<Vec<u8>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes.as_slice()),
            Piece::Gap(_) => None,
        })
        .collect::<Option<Vec<_>>>()
        .map(|runs| runs.concat());
    if let Some(whole) = whole {
        let unsplit = drive(caller, &[Piece::Bytes(whole)]);
        assert_eq!(framed(&log), framed(&unsplit), "the split changes the messages");
    }
    log
}

fn pieces(mut rest: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (0xfe, _) => pieces.push(Piece::Bytes(std::mem::take(&mut bytes))),
            (0xff, [n, tail @ ..]) => {
                pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                pieces.push(Piece::Gap(u64::from(*n) * u64::from(*n)));
                rest = tail;
            }
            _ => bytes.push(*first),
        }
    }
    pieces.push(Piece::Bytes(bytes));
    pieces
}
