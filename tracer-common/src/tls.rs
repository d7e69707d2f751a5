//! Probes in TLS libraries: what a probe's cookie says of the function that it sits in.

/// What the function does.
pub mod call {
    /// Hands decrypted bytes to its caller.
    pub const READ: u8 = 1;
    /// Takes bytes to encrypt from its caller.
    pub const WRITE: u8 = 2;
    /// Moves no bytes of the application, but may use the socket.
    pub const HANDSHAKE: u8 = 3;
}

/// Where the number of bytes that went through is found when the function returns.
pub mod count {
    /// It is what the function returns.
    pub const RETURNED: u8 = 0;
    /// At the address that was its fourth argument; what it returns is positive then.
    pub const FOURTH: u8 = 1;
    /// At the address that was its fifth argument; what it returns is positive then.
    pub const FIFTH: u8 = 2;
}

/// Go's crypto/tls.
pub mod go {
    /// The cookie of the deferred function that `Read` calls before it returns: how far above the caller's stack pointer the
    /// number of bytes is, and how far below the caller's entry the stack is in the deferred function. Bytes.
    pub const fn returns(count_at: u32, frame: u32) -> u64 {
        count_at as u64 | (frame as u64) << 32
    }

    /// The two parts of [`returns`].
    pub const fn parts(cookie: u64) -> (u64, u64) {
        (cookie & u32::MAX as u64, cookie >> 32)
    }
}

/// Bit of a cookie: the buffer is the function's third argument; without it, its second.
pub const THIRD_IS_BUFFER: u64 = 1 << 16;

/// The cookie of a function: one of [`call`] and one of [`count`].
pub const fn cookie(call: u8, count: u8) -> u64 {
    call as u64 | (count as u64) << 8
}
