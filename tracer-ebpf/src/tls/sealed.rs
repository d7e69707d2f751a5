//! Records that a TLS library writes into memory, for its application to send: which object made the bytes that pass a socket.
//!
//! The bytes themselves tell. A record is recognised by sixteen of them that are random: the hello messages have their random
//! numbers there (RFC 8446 section 4.1.2), every other record is encrypted.

use aya_ebpf::{
    bindings::BPF_ANY, helpers::bpf_get_current_pid_tgid, macros::uprobe, programs::ProbeContext,
};

use super::layer::Key;
use crate::{
    maps::{SEALED, TLS, TLS_CALLS},
    syscall::read_user_words,
};

/// Where in a record the random bytes are: behind its header (5), the header of the handshake message (4) and its version (2).
const RANDOM: u64 = 11;
/// Shortest record that has them.
pub(super) const SHORTEST: u64 = RANDOM + 16;

/// What tells the record at an address; zeros if it cannot be read.
#[inline(always)]
fn identity(record: u64) -> [u64; 2] {
    read_user_words(record.wrapping_add(RANDOM))
}

/// A memory BIO's write function: `(bio, bytes, length)`.
#[uprobe]
pub(crate) fn tls_sealed(ctx: ProbeContext) -> i32 {
    let Some(call) = TLS_CALLS.current() else { return 0 };
    let (record, len) = (ctx.arg::<u64>(1).unwrap_or(0), ctx.arg::<u64>(2).unwrap_or(0) as i32);
    if call.kind == 0 || i64::from(len) < SHORTEST as i64 {
        return 0;
    }
    let key = Key { object: call.object, tgid: bpf_get_current_pid_tgid() >> 32 };
    // SAFETY: a live map value.
    if TLS.get_ptr(key).is_some_and(|layer| unsafe { (*layer).loose } == 0) {
        // Its socket is known.
        return 0;
    }
    let identity = identity(record);
    if identity != [0; 2] {
        let _ = SEALED.insert(identity, key, u64::from(BPF_ANY));
    }
    0
}

/// The object of process `tgid` that made the record at an address.
#[inline(always)]
pub(super) fn object_of(record: u64, tgid: u32) -> Option<u64> {
    let identity = identity(record);
    // SAFETY: a copy is taken at once.
    let key = unsafe { SEALED.get(identity) }.copied()?;
    if key.tgid != u64::from(tgid) {
        return None;
    }
    let _ = SEALED.remove(identity);
    Some(key.object)
}
