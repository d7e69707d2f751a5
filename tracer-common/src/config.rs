//! Switches that the daemon sets before the programs are loaded (read-only globals).

/// Read-only settings of the kernel programs. The verifier knows their values, so a switch that is off costs nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KernelConfig {
    /// The daemon's own process: its sockets are marked, never traced.
    pub self_tgid: u32,
    /// 1: trace only processes marked [`crate::process::SELECTED`] (and their children).
    pub only_selected: u32,
    /// 1: look at AF_UNIX stream sockets too.
    pub unix_sockets: u32,
    /// Most bytes copied of a segment that starts a request.
    pub request_head: u32,
    /// Most bytes copied of a segment that starts a response.
    pub response_head: u32,
    /// Most bytes copied of one message over all its segments.
    pub message_budget: u32,
    /// Bytes waiting in a ring buffer at which the daemon is woken before its timer.
    pub wake_bytes: u32,
    /// Number of ring buffers less one; their number is a power of two. Set by the loader.
    pub ring_mask: u32,
    /// 1: look for TLS records, so that the plaintext of TLS libraries can be told which socket it belongs to.
    pub tls: u32,
    /// 1: trace context may be written into requests.
    pub propagation: u32,
    /// 1: processes are selected by rules, so that context is written for those marked [`crate::process::INCLUDED`] alone.
    pub only_included: u32,
    /// 1: look for protocols with framed messages.
    pub framed: u32,
    /// 1: look for questions of DNS among datagrams.
    pub dns: u32,
    /// 1: report connections that cannot be opened.
    pub connects: u32,
}

const _: () = assert!(size_of::<KernelConfig>() == 56);
