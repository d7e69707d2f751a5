//! Every way to lose something in the daemon: one counter per reason.

/// A reason; the list is closed. The kernel side's reasons are `tracer_common::drops`, the exporter's `tracer_otlp::DropReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Drop {
    /// A record that cannot be decoded.
    MalformedRecord,
    /// Records that the kernel side numbered but that did not arrive.
    LostRecord,
    /// The connection table was full: the oldest connection was forgotten.
    ConnectionEvicted,
    /// Bytes of a message head beyond what is kept.
    HeadOverflow,
    /// A connection with more requests in flight than one may have: it is left alone.
    TooManyInFlight,
    /// A connection that pipelines lost records: which answer belongs to which request cannot be told any more, so it is left alone.
    OrderLost,
    /// A connection in a form of its protocol that is not read (compressed, for one): it is left alone.
    FormNotRead,
    /// Requests beyond what may be in flight in all.
    TooManyOpen,
    /// A response whose request was sent before the tracer looked at the connection.
    ResponseWithoutRequest,
    /// Bytes on an HTTP connection that are not HTTP.
    NotHttp,
    /// Exchanges of a process or port that the selection rules leave out.
    Excluded,
    /// Exchanges of a process that reports its own spans.
    Instrumented,
    /// The tracer's own exports.
    OwnExport,
    /// A connection that could not be opened, where the process then reached the same server at another address.
    ConnectedElsewhere,
}

impl Drop {
    /// Number of reasons.
    pub const COUNT: usize = 14;
    /// All of them, in index order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::MalformedRecord,
        Self::LostRecord,
        Self::ConnectionEvicted,
        Self::HeadOverflow,
        Self::TooManyInFlight,
        Self::OrderLost,
        Self::FormNotRead,
        Self::TooManyOpen,
        Self::ResponseWithoutRequest,
        Self::NotHttp,
        Self::Excluded,
        Self::Instrumented,
        Self::OwnExport,
        Self::ConnectedElsewhere,
    ];

    /// Stable name for users and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedRecord => "malformed_record",
            Self::LostRecord => "lost_record",
            Self::ConnectionEvicted => "connection_evicted",
            Self::HeadOverflow => "head_overflow",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::OrderLost => "order_lost",
            Self::FormNotRead => "form_not_read",
            Self::TooManyOpen => "too_many_open",
            Self::ResponseWithoutRequest => "response_without_request",
            Self::NotHttp => "not_http",
            Self::Excluded => "excluded",
            Self::Instrumented => "instrumented",
            Self::OwnExport => "own_export",
            Self::ConnectedElsewhere => "connected_elsewhere",
        }
    }

    /// The stage that drops (see ARCHITECTURE.md).
    pub const fn stage(self) -> &'static str {
        match self {
            Self::MalformedRecord | Self::LostRecord => "ingest",
            Self::ConnectionEvicted | Self::HeadOverflow => "connections",
            Self::NotHttp => "protocol",
            Self::TooManyInFlight
            | Self::OrderLost
            | Self::FormNotRead
            | Self::ResponseWithoutRequest
            | Self::Excluded
            | Self::Instrumented
            | Self::OwnExport
            | Self::ConnectedElsewhere => "spans",
            Self::TooManyOpen => "traces",
        }
    }

    /// Whether this is by design rather than a loss.
    pub const fn intentional(self) -> bool {
        matches!(
            self,
            Self::ResponseWithoutRequest
                | Self::NotHttp
                | Self::Excluded
                | Self::Instrumented
                | Self::OwnExport
                | Self::ConnectedElsewhere
        )
    }
}

/// The counters of one pipeline.
#[derive(Clone, Debug, Default)]
pub struct Drops([u64; Drop::COUNT]);

impl Drops {
    /// Counts one.
    pub fn count(&mut self, reason: Drop) {
        self.add(reason, 1);
    }

    /// Counts several.
    pub fn add(&mut self, reason: Drop, count: u64) {
        self.0[reason as usize] += count;
    }

    /// How often so far.
    pub fn get(&self, reason: Drop) -> u64 {
        self.0[reason as usize]
    }
}
