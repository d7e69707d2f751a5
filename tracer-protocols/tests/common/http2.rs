//! The HTTP/2 parser behind [`Direction`].

use tracer_protocols::context::Extractor;
use tracer_protocols::http2::limits::MAX_READ_FRAME;
use tracer_protocols::http2::{Follows, Message, Parser, Step};

use super::{Direction, Entry, Habits, Piece, extractor, framed, pieces, run, whole};

/// Drives a parser over `pieces`.
pub fn drive(habits: Habits, pieces: &[Piece]) -> Vec<Entry> {
    let direction = Http2 { parser: Parser::new(), extractor: extractor() };
    run(direction, habits, pieces)
}

/// The short log of one run of bytes.
pub fn shorts(pieces: &[Piece]) -> Vec<String> {
    drive(Habits::default(), pieces).into_iter().map(|entry| entry.short).collect()
}

struct Http2 {
    parser: Parser,
    extractor: Extractor,
}

impl Direction for Http2 {
    const MAX_KEPT: usize = MAX_READ_FRAME + 9;

    fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Entry> {
        match self.parser.step(bytes, follows) {
            Step::Message { message, consumed } => {
                Step::Message { message: entry(&self.extractor, &message), consumed }
            }
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
        let at = self.parser.resync(bytes);
        assert!(at.is_none() || self.parser.is_synced());
        at
    }

    fn close(&mut self) -> Option<Entry> {
        self.parser.connection_end().map(|stream| entry(&self.extractor, &Message::End(stream)))
    }
}

/// `1 GET /a`, `1 200`, `1 trailers grpc-status=0`, `1 data 5`, `1 end`, `1 reset 8`, `goaway 1 0`; `~` as in [`Entry`].
fn entry(extractor: &Extractor, message: &Message<'_>) -> Entry {
    let cut = |truncated| if truncated { "~" } else { "" };
    let mut context = String::new();
    let (short, lost) = match message {
        Message::Request(stream, head) => {
            let carried = extractor.context(head);
            if let Some(carried) = &carried {
                let ids = carried.context;
                assert!(ids.trace_id != [0; 16] && ids.span_id != [0; 8], "an id of zeros");
            }
            context = format!(" {carried:?} {:?}", extractor.baggage(head));
            (format!("{stream} {} {}{}", head.method_text, head.target, cut(head.truncated)), head.truncated)
        }
        Message::Informational(stream, status) => (format!("{stream} {status}"), false),
        Message::Response(stream, head) => {
            (format!("{stream} {}{}", head.status, cut(head.block.truncated)), head.block.truncated)
        }
        Message::Trailers(stream, block) => {
            let mut fields: Vec<_> = block
                .headers
                .iter()
                .map(|(name, value)| {
                    format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
                })
                .collect();
            fields.insert(0, format!("{stream} trailers"));
            (format!("{}{}", fields.join(" "), cut(block.truncated)), block.truncated)
        }
        Message::Data(stream, bytes) => {
            (format!("{stream} data {}", bytes.map_or("?".to_owned(), |n| n.to_string())), bytes.is_none())
        }
        Message::End(stream) => (format!("{stream} end"), false),
        Message::Reset(stream, code) => (format!("{stream} reset {code}"), false),
        Message::GoAway(last, code) => (format!("goaway {last} {code}"), false),
    };
    Entry::new(&short, &format!("{message:?}{context}"), lost)
}

/// What the fuzz target and its seeds mean: one byte for the caller (bit 0 holds skips, bit 1 closes),
/// then [`pieces`].
pub fn replay(input: &[u8]) -> Vec<Entry> {
    let Some((&flags, rest)) = input.split_first() else { return Vec::new() };
    let habits = Habits { holds_skips: flags & 1 != 0, closes: flags & 2 != 0 };
    let pieces = pieces(rest);
    let log = drive(habits, &pieces);
    if let Some(whole) = whole(&pieces) {
        let unsplit = drive(habits, &[Piece::Bytes(whole)]);
        assert_eq!(framed(&log), framed(&unsplit), "the split changes the messages");
    }
    log
}
