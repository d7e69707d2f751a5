//! Random ids as text.

use aya_ebpf::helpers::generated::bpf_get_prandom_u32;

/// Writes eight random hexadecimal digits at `at`.
#[inline(always)]
pub(super) fn digits(to: &mut [u8], at: usize) {
    // SAFETY: a helper without arguments.
    let random = unsafe { bpf_get_prandom_u32() };
    for index in 0..8 {
        let nibble = (random >> (28 - 4 * index)) as u8 & 0xf;
        to[at + index] = nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    }
}

/// Writes a trace id: 32 digits, not all zero.
#[inline(always)]
pub(super) fn trace(to: &mut [u8; 32]) {
    digits(to, 0);
    digits(to, 8);
    digits(to, 16);
    digits(to, 24);
    // Zeros alone are invalid; that the last digit is none costs a bit of randomness.
    if to[31] == b'0' {
        to[31] = b'1';
    }
}

/// Writes a span id: 16 digits from `at`, not all zero.
#[inline(always)]
pub(super) fn span(to: &mut [u8], at: usize) {
    digits(to, at);
    digits(to, at + 8);
    if to[at + 15] == b'0' {
        to[at + 15] = b'1';
    }
}
