//! One direction of one connection: records in, contiguous runs and gaps out.

use tracer_common::{
    event::{DataHeader, flags},
    limits::TAIL,
};
use tracer_protocols::{context::TraceContext, contract::Follows};

use super::by::By;
use crate::ingest::Segment;

/// Most bytes kept of a head whose rest has not come yet: that of the largest servers' limits (64 KiB).
const MAX_PENDING: usize = 64 << 10;
/// A jump of the stream position beyond this is no gap but another stream (a position that went backwards).
const MAX_GAP: u32 = 1 << 30;

/// Where a run of bytes comes from.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// When the segment with the run's first byte went through, CLOCK_MONOTONIC nanoseconds.
    pub first_ns: u64,
    /// When the segment with the run's last byte went through.
    pub last_ns: u64,
    /// Position of the run's first byte in its stream, modulo 2^32.
    pub position: u32,
    /// Who made the newest call.
    pub by: By,
    /// What the kernel side wrote into a message that begins in the run.
    pub written: Option<Insertion>,
    /// A TLS library carries the bytes.
    pub secure: bool,
    /// The run starts where a segment starts: the place where a lost parser may find its way again.
    pub segment_start: bool,
}

/// Trace context that the kernel side wrote into a request.
#[derive(Clone, Copy, Debug)]
pub struct Insertion {
    /// Position of the request's first byte, modulo 2^32.
    pub position: u32,
    /// Bytes that were added to the stream behind that byte: positions of all others behind it are that much higher.
    pub added: u32,
    /// What they say.
    pub context: TraceContext,
}

impl At {
    /// What a data record says of its first byte.
    pub(super) fn of(head: &DataHeader) -> Self {
        Self {
            first_ns: head.header.time_ns,
            last_ns: head.header.time_ns,
            position: head.position,
            by: By::of(head),
            written: None,
            secure: head.header.flags & flags::TLS != 0,
            segment_start: true,
        }
    }

    /// Position of the byte at an offset of the run.
    pub fn position_of(&self, offset: usize) -> u32 {
        let position = self.position.wrapping_add(offset as u32);
        match self.written {
            Some(written) if is_behind(position, written.position) => position.wrapping_add(written.added),
            _ => position,
        }
    }

    /// Where the run goes on behind its first `bytes`.
    #[must_use]
    pub fn behind(self, bytes: usize) -> Self {
        let unmoved = self.position.wrapping_add(bytes as u32);
        Self {
            position: self.position_of(bytes),
            written: self.written.filter(|written| !is_behind(unmoved, written.position)),
            segment_start: self.segment_start && bytes == 0,
            ..self
        }
    }

    /// What was written into the request that begins at a position.
    pub fn written_at(&self, position: u32) -> Option<TraceContext> {
        self.written.filter(|written| written.position == position).map(|written| written.context)
    }
}

/// Whether a position lies behind another one.
fn is_behind(position: u32, other: u32) -> bool {
    let distance = position.wrapping_sub(other);
    distance != 0 && distance < MAX_GAP
}

/// What reads a stream.
pub trait Consumer {
    /// A run of bytes. Returns how many were consumed; the others are handed in again with more behind.
    fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize;
    /// Bytes that went through without being captured.
    fn gap(&mut self, bytes: u64, at: &At);
    /// Records were lost: what is at hand may be incomplete.
    fn lost(&mut self, records: u32);
    /// Kept bytes had to be given up.
    fn overflow(&mut self);
}

/// The reassembly state of one direction.
#[derive(Debug, Default)]
pub struct Stream {
    next_number: u32,
    next_position: u32,
    started: bool,
    /// What was written into a segment to come.
    written: Option<Insertion>,
    /// Bytes that the consumer wants to see again.
    pending: Vec<u8>,
    pending_at: Option<At>,
}

impl Stream {
    /// Takes a data record.
    pub fn segment(&mut self, segment: &Segment<'_>, consumer: &mut impl Consumer) {
        let head = &segment.head;
        let last = head.position.wrapping_add(head.len.saturating_sub(1));
        let mut at = At::of(head);
        at.written = self
            .written
            .take_if(|written| !is_behind(written.position, last))
            .filter(|written| !is_behind(head.position, written.position));
        self.check_number(head.number, consumer);
        self.check_position(head.position, &at, consumer);
        self.next_position = at.position_of(head.len as usize);

        let captured = segment.bytes.len().min(head.len as usize);
        let rest = head.len as usize - captured;
        if captured > 0 {
            let follows = if rest > 0 { Follows::Gap } else { Follows::Maybe };
            self.run(&segment.bytes[..captured], follows, at, consumer);
        }
        if rest == 0 {
            return;
        }
        let tail = if head.header.flags & flags::HAS_TAIL == 0 { 0 } else { rest.min(TAIL) };
        at = at.behind(captured);
        at.segment_start = false;
        if rest > tail {
            self.give_up_pending(consumer);
            consumer.gap((rest - tail) as u64, &at);
            at = at.behind(rest - tail);
        }
        if tail > 0 {
            self.run(&head.tail.to_ne_bytes()[TAIL - tail..], Follows::Maybe, at, consumer);
        }
    }

    /// Compares the number of records that the kernel side says it made with what came; for the end of a connection.
    pub fn check_number(&mut self, number: u32, consumer: &mut impl Consumer) {
        let missing = number.wrapping_sub(self.next_number);
        if missing != 0 && missing < u32::MAX / 2 {
            consumer.lost(missing);
        }
        self.next_number = number.wrapping_add(1);
    }

    /// If nothing came yet, what came before `number` was for somebody else.
    pub fn begin_at(&mut self, number: u32) {
        if self.next_number == 0 {
            self.next_number = number;
        }
    }

    /// As [`Self::check_number`], where `number` is that of the record to come, if one came.
    pub fn check_end(&mut self, number: u32, consumer: &mut impl Consumer) {
        self.check_number(number, consumer);
        self.next_number = number;
    }

    /// The stream ended at `end`, or one before it: a FIN takes a position too. Bytes in between went through unseen.
    pub fn check_end_position(&mut self, end: u32, now_ns: u64, consumer: &mut impl Consumer) {
        let unseen = end.wrapping_sub(self.next_position);
        if self.started && unseen > 1 && unseen < MAX_GAP {
            let at = At {
                first_ns: now_ns,
                last_ns: now_ns,
                position: self.next_position,
                by: By::default(),
                written: None,
                secure: false,
                segment_start: false,
            };
            self.give_up_pending(consumer);
            consumer.gap(u64::from(unseen), &at);
            self.next_position = end;
        }
    }

    /// The kernel side wrote trace context into a message of a segment to come.
    pub fn written(&mut self, written: Insertion) {
        self.written = Some(written);
    }

    /// A record without bytes was taken.
    pub fn skip_number(&mut self) {
        self.next_number = self.next_number.wrapping_add(1);
    }

    fn check_position(&mut self, position: u32, at: &At, consumer: &mut impl Consumer) {
        let gap = position.wrapping_sub(self.next_position);
        if !self.started {
            self.started = true;
        } else if gap != 0 {
            self.give_up_pending(consumer);
            consumer.gap(if gap < MAX_GAP { u64::from(gap) } else { u64::from(MAX_GAP) }, at);
        }
    }

    fn run(&mut self, bytes: &[u8], follows: Follows, at: At, consumer: &mut impl Consumer) {
        if self.pending.is_empty() {
            let consumed = consumer.run(bytes, follows, &at);
            self.keep(&bytes[consumed.min(bytes.len())..], consumed, at, consumer);
            return;
        }
        self.pending.extend_from_slice(bytes);
        let mut whole = at;
        if let Some(first) = self.pending_at {
            whole.first_ns = first.first_ns;
            whole.position = first.position;
            whole.segment_start = first.segment_start;
            whole.written = first.written.or(at.written);
        }
        let mut pending = std::mem::take(&mut self.pending);
        let consumed = consumer.run(&pending, follows, &whole).min(pending.len());
        pending.drain(..consumed);
        if consumed > 0 {
            // What is left starts inside the newest segment or in an older one; its own time is at least that of the run's end.
            whole = At { first_ns: at.first_ns, ..whole.behind(consumed) };
        }
        self.pending = pending;
        self.pending_at = (!self.pending.is_empty()).then_some(whole);
        self.bound(consumer);
    }

    fn keep(&mut self, bytes: &[u8], consumed: usize, at: At, consumer: &mut impl Consumer) {
        if bytes.is_empty() {
            return;
        }
        self.pending.extend_from_slice(bytes);
        self.pending_at = Some(at.behind(consumed));
        self.bound(consumer);
    }

    fn bound(&mut self, consumer: &mut impl Consumer) {
        if self.pending.len() > MAX_PENDING {
            consumer.overflow();
            self.give_up_pending(consumer);
        } else if self.pending.is_empty() && self.pending.capacity() > 4096 {
            self.pending = Vec::new();
        }
    }

    /// Bytes are kept and a gap follows: the consumer decides now, what it leaves is dropped.
    fn give_up_pending(&mut self, consumer: &mut impl Consumer) {
        if let Some(at) = self.pending_at.take() {
            let pending = std::mem::take(&mut self.pending);
            let consumed = consumer.run(&pending, Follows::Gap, &at).min(pending.len());
            let left = pending.len() - consumed;
            if left > 0 {
                consumer.gap(left as u64, &at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::event::Header;

    use super::*;

    /// Consumes whole lines and writes down what it sees.
    #[derive(Default)]
    struct Lines(Vec<String>);

    impl Consumer for Lines {
        fn run(&mut self, bytes: &[u8], follows: Follows, at: &At) -> usize {
            let end = if follows == Follows::Gap {
                bytes.len()
            } else {
                bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1)
            };
            if end > 0 {
                self.0.push(format!("{}@{}", String::from_utf8_lossy(&bytes[..end]), at.position));
            }
            end
        }
        fn gap(&mut self, bytes: u64, _: &At) {
            self.0.push(format!("gap {bytes}"));
        }
        fn lost(&mut self, records: u32) {
            self.0.push(format!("lost {records}"));
        }
        fn overflow(&mut self) {
            self.0.push("overflow".into());
        }
    }

    fn feed(
        stream: &mut Stream,
        lines: &mut Lines,
        number: u32,
        position: u32,
        len: u32,
        bytes: &[u8],
        tail: Option<&[u8; 8]>,
    ) {
        let header = Header {
            kind: 1,
            detail: 0,
            flags: if tail.is_some() { flags::HAS_TAIL } else { 0 },
            tgid: 1,
            time_ns: u64::from(number),
            conn: 1,
        };
        let head = DataHeader {
            header,
            tid: 1,
            number,
            position,
            len,
            captured: bytes.len() as u32,
            task: 0,
            tail: tail.map_or(0, |bytes| u64::from_ne_bytes(*bytes)),
        };
        stream.segment(&Segment { head, bytes }, lines);
    }

    #[test]
    fn split_lines_are_joined_and_positions_kept() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        feed(&mut stream, &mut lines, 0, 100, 3, b"a\nb", None);
        feed(&mut stream, &mut lines, 1, 103, 1, b"c", None);
        feed(&mut stream, &mut lines, 2, 104, 2, b"\nd", None);
        assert_eq!(lines.0, ["a\n@100", "bc\n@102"]);
    }

    #[test]
    fn a_cut_segment_gives_front_gap_and_tail() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        feed(&mut stream, &mut lines, 0, 0, 100, b"front", Some(b"the end\n"));
        assert_eq!(lines.0, ["front@0", "gap 87", "the end\n@92"]);
    }

    #[test]
    fn a_tail_overlapping_the_front_is_not_seen_twice() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        feed(&mut stream, &mut lines, 0, 0, 8, b"front", Some(b"frontxy\n"));
        assert_eq!(lines.0, ["front@0", "xy\n@5"]);
    }

    #[test]
    fn missing_records_and_bytes_are_told() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        feed(&mut stream, &mut lines, 0, 10, 2, b"a\n", None);
        feed(&mut stream, &mut lines, 3, 20, 2, b"b\n", None);
        stream.check_end(6, &mut lines);
        assert_eq!(lines.0, ["a\n@10", "lost 2", "gap 8", "b\n@20", "lost 2"]);
    }

    #[test]
    fn kept_bytes_before_a_gap_are_handed_in_a_last_time() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        feed(&mut stream, &mut lines, 0, 0, 3, b"abc", None);
        feed(&mut stream, &mut lines, 1, 9, 2, b"d\n", None);
        assert_eq!(lines.0, ["abc@0", "gap 6", "d\n@9"]);
    }

    /// A segment in three pieces, as HTTP/2 is reported in: what was written into the second line moves what is behind it.
    #[test]
    fn positions_behind_what_was_written_are_higher() {
        for pieces in [&[12][..], &[4, 8], &[5, 7], &[6, 6], &[4, 4, 4], &[1; 12]] {
            let (mut stream, mut lines) = (Stream::default(), Lines::default());
            let context = tracer_protocols::context::parse_traceparent(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            );
            stream.written(Insertion { position: 104, added: 69, context: context.unwrap() });
            let (mut at, mut positions) = (0, Vec::new());
            for (number, &len) in pieces.iter().enumerate() {
                let position = 100 + at as u32 + if at > 4 { 69 } else { 0 };
                feed(
                    &mut stream,
                    &mut lines,
                    number as u32,
                    position,
                    len,
                    &b"aaa\nbbb\nccc\n"[at..][..len as usize],
                    None,
                );
                at += len as usize;
                positions.push(position);
            }
            let seen = lines.0.concat();
            assert!(!seen.contains("gap"), "{pieces:?} at {positions:?}: {seen}");
            feed(&mut stream, &mut lines, pieces.len() as u32, 181, 2, b"d\n", None);
            assert_eq!(lines.0.last().unwrap(), "d\n@181", "{pieces:?}");
        }
    }

    #[test]
    fn where_a_run_goes_on() {
        let context = tracer_protocols::context::parse_traceparent(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
        let written = Insertion { position: 2, added: 70, context: context.unwrap() };
        let at = At {
            first_ns: 0,
            last_ns: 0,
            position: u32::MAX - 1,
            by: By::default(),
            written: Some(written),
            secure: false,
            segment_start: true,
        };
        assert_eq!([0, 2, 4, 5].map(|offset| at.position_of(offset)), [u32::MAX - 1, 0, 2, 73]);
        assert!(at.written_at(2).is_some() && at.written_at(0).is_none());
        assert!(at.behind(4).written.is_some() && at.behind(5).written.is_none());
        assert_eq!(at.behind(4).behind(1).position, at.behind(5).position);
    }

    #[test]
    fn a_head_without_end_is_bounded() {
        let (mut stream, mut lines) = (Stream::default(), Lines::default());
        let block = [b'x'; 4096];
        for number in 0..17 {
            feed(&mut stream, &mut lines, number, number * 4096, 4096, &block, None);
        }
        assert_eq!(lines.0[0], "overflow");
        assert!(stream.pending.is_empty());
    }
}
