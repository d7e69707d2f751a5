//! Both directions of a connection, where each has a parser of its own.

/// What [`tracer_protocols::contract`] wants beside `step`, of the parsers of both directions: of two fields, or of an array where they are of one kind.
macro_rules! both_ways {
    ($requests:ident, $responses:ident) => {
        fn skipped(&mut self, side: Side, n: u64) {
            match side {
                Side::Request => self.$requests.skipped(n),
                Side::Response => self.$responses.skipped(n),
            }
        }

        fn gap(&mut self, side: Side, n: u64) -> Gap {
            match side {
                Side::Request => self.$requests.gap(n),
                Side::Response => self.$responses.gap(n),
            }
        }

        fn resync(&mut self, side: Side, bytes: &[u8]) -> Option<usize> {
            match side {
                Side::Request => self.$requests.resync(bytes),
                Side::Response => self.$responses.resync(bytes),
            }
        }
    };
    ($parsers:ident) => {
        fn skipped(&mut self, side: Side, n: u64) {
            self.$parsers[side as usize].skipped(n);
        }

        fn gap(&mut self, side: Side, n: u64) -> Gap {
            self.$parsers[side as usize].gap(n)
        }

        fn resync(&mut self, side: Side, bytes: &[u8]) -> Option<usize> {
            self.$parsers[side as usize].resync(bytes)
        }
    };
}
pub(super) use both_ways;
