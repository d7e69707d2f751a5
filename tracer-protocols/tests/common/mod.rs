//! A stand-in for the stream layer: drives a parser as `tracer_protocols::contract` says, checks what the contract promises
//! at every step, and logs what came out. Tests, the corpus replay and the fuzz targets share it.
#![allow(dead_code, reason = "each user of this module takes its part")]
#![allow(unreachable_pub, reason = "compiled into several crates, public in none")]

pub mod amqp;
pub mod cassandra;
pub mod dns;
pub mod fastcgi;
pub mod frames;
pub mod http1;
pub mod http2;
pub mod kafka;
pub mod memcached;
pub mod mongodb;
pub mod mqtt;
pub mod mysql;
pub mod nats;
pub mod postgres;
pub mod redis;

use tracer_protocols::context::{Extractor, Format, HeaderPair};
use tracer_protocols::contract::{Follows, Step};

/// A part of a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    Gap(u64),
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

impl Entry {
    fn new(short: &str, full: &str, lost: bool) -> Self {
        Self { short: short.to_owned(), full: full.to_owned(), lost }
    }

    /// The message as it is.
    fn of(message: &impl std::fmt::Debug) -> Self {
        let text = format!("{message:?}");
        Self::new(&text, &text, false)
    }
}

/// What a direction's parser has in common with those of other protocols. Messages are checked and turned into entries.
pub trait Direction {
    /// Most bytes that the caller has to keep.
    const MAX_KEPT: usize;
    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry>;
    fn skipped(&mut self, n: u64);
    fn gap(&mut self, n: u64);
    fn resync(&mut self, bytes: &[u8]) -> Option<usize>;
    /// The direction ended.
    fn close(&mut self) -> Option<Entry>;
}

/// How the caller behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// Remembers what is left of a skip, and reports the part of a gap within it by `skipped` instead of `gap`.
    pub holds_skips: bool,
    /// The connection ends behind the last piece.
    pub closes: bool,
}

/// Drives a direction over `pieces`.
pub fn run(direction: impl Direction, habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    let mut run = Run { direction, habits, kept: Vec::new(), skip: 0, log: Vec::new() };
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
    if habits.closes {
        let last = run.direction.close();
        run.log.extend(last);
    }
    run.log
}

/// Reads every format there is.
fn extractor() -> Extractor {
    let formats = [Format::W3c, Format::B3, Format::Jaeger, Format::Xray, Format::Baggage];
    let pair = HeaderPair::new("x-trace-id", "x-span-id", Some("x-baggage-")).unwrap();
    Extractor::new(&formats, vec![pair], &["key".to_owned()])
}

struct Run<D> {
    direction: D,
    habits: Habits,
    kept: Vec<u8>,
    /// What is left of a skip that the caller holds.
    skip: u64,
    log: Vec<Entry>,
}

impl<D: Direction> Run<D> {
    fn bytes(&mut self, bytes: &[u8], follows: Follows) {
        let held = self.skip.min(bytes.len() as u64);
        if held > 0 {
            self.direction.skipped(held);
            self.skip -= held;
        }
        self.kept.extend_from_slice(&bytes[held as usize..]);
        let kept = std::mem::take(&mut self.kept);
        let at = self.run(&kept, follows);
        self.kept.extend_from_slice(&kept[at..]);
        assert!(self.kept.len() < D::MAX_KEPT, "{} bytes kept", self.kept.len());
        assert!(follows == Follows::Maybe || self.kept.is_empty(), "bytes kept before a gap");
    }

    /// The loop of the contract. Says how many bytes are done with.
    fn run(&mut self, bytes: &[u8], follows: Follows) -> usize {
        let mut at = 0;
        for _ in 0..16 + 4 * bytes.len() {
            let rest = &bytes[at..];
            match self.direction.step(rest, follows) {
                Step::Message { message, consumed } => {
                    assert!(consumed <= rest.len());
                    self.log.push(message);
                    at += consumed;
                }
                Step::Skip(n) => {
                    assert!(n > 0, "a skip of nothing");
                    let now = n.min(rest.len() as u64);
                    if now > 0 {
                        self.direction.skipped(now);
                    }
                    at += now as usize;
                    if self.habits.holds_skips {
                        self.skip = n - now;
                    }
                    if now < n {
                        return at;
                    }
                }
                Step::NotThis(reason) => {
                    self.log.push(Entry::new("refused", reason.name(), true));
                    match self.direction.resync(rest) {
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
        panic!("no end of steps");
    }

    fn gap(&mut self, n: u64) {
        let held = self.skip.min(n);
        if held > 0 {
            self.direction.skipped(held);
            self.skip -= held;
        }
        assert!(n == held || self.kept.is_empty(), "the caller keeps bytes over a gap");
        self.direction.gap(n - held);
        self.run(&[], Follows::Maybe);
    }
}

/// The log up to where framing was lost: this part must not depend on how the bytes were split.
pub fn framed(log: &[Entry]) -> &[Entry] {
    let lost = log.iter().position(|entry| entry.lost).unwrap_or(log.len());
    &log[..lost]
}

/// Cuts `bytes` at these places, each taken modulo what is possible.
pub fn split(bytes: &[u8], cuts: &[usize]) -> Vec<Piece> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|range| Piece::Bytes(bytes[range[0]..range[1]].to_vec())).collect()
}

/// Turns some pieces into gaps, as a capture limit or a full buffer would.
pub fn lose(pieces: &mut [Piece], lost: &[usize]) {
    for at in lost {
        let at = at % pieces.len();
        if let Piece::Bytes(bytes) = &pieces[at] {
            pieces[at] = Piece::Gap(bytes.len() as u64);
        }
    }
}

/// The bytes of pieces without gaps.
fn whole(pieces: &[Piece]) -> Option<Vec<u8>> {
    let runs: Option<Vec<&[u8]>> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes.as_slice()),
            Piece::Gap(_) => None,
        })
        .collect();
    runs.map(|runs| runs.concat())
}

/// Input of the fuzz targets: bytes as they are, but `0xfe` splits, `0xff n` is a gap of n * n bytes, and `0xff 0xfe` and `0xff 0xff` are the second byte.
fn pieces(mut rest: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (0xfe, _) => pieces.push(Piece::Bytes(std::mem::take(&mut bytes))),
            (0xff, [literal @ (0xfe | 0xff), tail @ ..]) => {
                bytes.push(*literal);
                rest = tail;
            }
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

/// What the fuzz targets of databases and their seeds mean: one byte for the caller (bit 0 holds skips, bit 1: the client's side), then
/// [`pieces`].
pub fn replay_a_side(input: &[u8], drive: impl Fn(bool, Habits, &[Piece]) -> Vec<Entry>) -> Vec<Entry> {
    let Some((&flags, rest)) = input.split_first() else { return Vec::new() };
    let habits = Habits { holds_skips: flags & 1 != 0, closes: false };
    let client = flags & 2 != 0;
    let pieces = pieces(rest);
    let log = drive(client, habits, &pieces);
    if let Some(whole) = whole(&pieces) {
        let unsplit = drive(client, habits, &[Piece::Bytes(whole)]);
        assert_eq!(framed(&log), framed(&unsplit), "the split changes the messages");
    }
    log
}

/// A parser whose end needs nothing, behind [`Direction`]: most bytes to keep, and the entry that a message makes.
macro_rules! direction {
    ($name:ident($parser:ty), $max_kept:expr, $entry:expr) => {
        struct $name($parser);

        impl super::Direction for $name {
            const MAX_KEPT: usize = $max_kept;

            fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
                self.0.step(bytes, follows).map(|message| $entry(&message))
            }

            fn skipped(&mut self, n: u64) {
                self.0.skipped(n);
            }

            fn gap(&mut self, n: u64) {
                self.0.gap(n);
            }

            fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
                self.0.resync(bytes)
            }

            fn close(&mut self) -> Option<Entry> {
                None
            }
        }
    };
}
pub(crate) use direction;
