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
    /// Bytes that the kernel side added to the stream within the run's first message: positions behind it are that much higher.
    pub added: u32,
    /// What they say of the run's first message.
    pub written: Option<TraceContext>,
    /// A TLS library carries the bytes.
    pub secure: bool,
    /// The run starts where a segment starts: the place where a lost parser may find its way again.
    pub segment_start: bool,
}

impl At {
    /// What a data record says of its first byte.
    pub(super) fn of(head: &DataHeader) -> Self {
        Self {
            first_ns: head.header.time_ns,
            last_ns: head.header.time_ns,
            position: head.position,
            by: By::of(head),
            added: 0,
            written: None,
            secure: head.header.flags & flags::TLS != 0,
            segment_start: true,
        }
    }
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
    /// Bytes that were added to the segment to come.
    added: u32,
    /// What they say.
    written: Option<TraceContext>,
    /// Bytes that the consumer wants to see again.
    pending: Vec<u8>,
    pending_at: Option<At>,
}

impl Stream {
    /// Takes a data record.
    pub fn segment(&mut self, segment: &Segment<'_>, consumer: &mut impl Consumer) {
        let head = &segment.head;
        let mut at = At::of(head);
        at.added = std::mem::take(&mut self.added);
        at.written = self.written.take();
        self.check_number(head.number, consumer);
        self.check_position(head.position, &at, consumer);
        self.next_position = head.position.wrapping_add(head.len).wrapping_add(at.added);

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
        at.segment_start = false;
        at.position = head.position.wrapping_add(captured as u32).wrapping_add(at.added);
        at.added = 0;
        at.written = None;
        if rest > tail {
            self.give_up_pending(consumer);
            consumer.gap((rest - tail) as u64, &at);
            at.position = at.position.wrapping_add((rest - tail) as u32);
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
                added: 0,
                written: None,
                secure: false,
                segment_start: false,
            };
            self.give_up_pending(consumer);
            consumer.gap(u64::from(unseen), &at);
            self.next_position = end;
        }
    }

    /// The kernel side added bytes with trace context within the first message of the segment to come.
    pub fn written(&mut self, added: u32, context: TraceContext) {
        self.added = added;
        self.written = Some(context);
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
            whole.added = first.added;
            whole.written = first.written;
        }
        let mut pending = std::mem::take(&mut self.pending);
        let consumed = consumer.run(&pending, follows, &whole).min(pending.len());
        pending.drain(..consumed);
        if consumed > 0 {
            // What is left starts inside the newest segment or in an older one; its own time is at least that of the run's end.
            whole.first_ns = at.first_ns;
            whole.position = whole.position.wrapping_add(consumed as u32).wrapping_add(whole.added);
            whole.added = 0;
            whole.written = None;
            whole.segment_start = false;
        }
        self.pending = pending;
        self.pending_at = (!self.pending.is_empty()).then_some(whole);
        self.bound(consumer);
    }

    fn keep(&mut self, bytes: &[u8], consumed: usize, mut at: At, consumer: &mut impl Consumer) {
        if bytes.is_empty() {
            return;
        }
        if consumed > 0 {
            at.position = at.position.wrapping_add(consumed as u32).wrapping_add(at.added);
            at.added = 0;
            at.written = None;
            at.segment_start = false;
        }
        self.pending.extend_from_slice(bytes);
        self.pending_at = Some(at);
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
