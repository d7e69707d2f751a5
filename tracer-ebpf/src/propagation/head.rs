//! Looks through a request head: where it ends, and which trace context it carries.
//!
//! Strict where the daemon's parser is lenient: this decides whether bytes are added.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};
use tracer_common::propagation::MAX_HEAD;

use super::cause::Hand;

/// Bytes looked at in one step.
const CHUNK: u32 = 64;
/// `\n` in each byte, the lowest and the highest bit of each.
const NEWLINES: u64 = 0x0a0a_0a0a_0a0a_0a0a;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Makes letters lower-case, and leaves digits and `-` as they are.
const LOWER: u64 = 0x2020_2020_2020_2020;
/// Bytes in front of a line that are looked at together with it: the end of the line before.
const BEFORE: u32 = 2;

/// Bits of [`Head::traits`].
pub(crate) mod traits {
    /// A line that no client should send: no CR, folded, or no request line.
    pub(crate) const STRANGE: u32 = 1;
    /// `traceparent` more than once, or something like it.
    pub(crate) const AMBIGUOUS: u32 = 2;
    /// `tracestate`.
    pub(crate) const STATE: u32 = 4;
    /// Context in another format: B3, Jaeger, X-Ray.
    pub(crate) const OTHER: u32 = 8;
    /// `Transfer-Encoding`.
    pub(crate) const CODED: u32 = 16;
}

/// A head, and what was found in it.
#[repr(C)]
pub(crate) struct Head {
    /// Where it is.
    pub(crate) address: u64,
    /// Bytes there.
    pub(crate) len: u32,
    /// 1: in the memory of the current process; else in the kernel's.
    pub(crate) user: u32,
    /// Offset behind the empty line, 0 while it was not seen.
    pub(crate) end: u32,
    /// Offset behind the request line, 0 while it was not seen.
    pub(crate) first_line: u32,
    /// Offset of the value of `traceparent`, 0 where there is none.
    pub(crate) context: u32,
    /// See [`traits`].
    pub(crate) traits: u32,
    /// `Content-Length`, 0 where there is none.
    pub(crate) content: u32,
    /// Offset of that header's value, 0 where there is none.
    content_at: u32,
}

impl Head {
    /// A head that was not looked at yet.
    pub(crate) const fn new(address: u64, len: u32, user: bool) -> Self {
        Self {
            address,
            len: if len > MAX_HEAD { MAX_HEAD } else { len },
            user: user as u32,
            end: 0,
            first_line: 0,
            context: 0,
            traits: 0,
            content: 0,
            content_at: 0,
        }
    }

    /// Copies up to `N` bytes from `offset`; what lies beyond the head is zero. False where they cannot be read.
    #[inline(always)]
    fn read<const N: usize>(&self, offset: u32, to: &mut [u8; N]) -> bool {
        let mut len = self.len.wrapping_sub(offset);
        if offset >= self.len {
            return true;
        }
        if len > N as u32 {
            len = N as u32;
        }
        let from = self.address.wrapping_add(u64::from(offset)) as *const core::ffi::c_void;
        // SAFETY: `to` has that size; the helpers check the source.
        let failed = unsafe {
            if self.user != 0 {
                bpf_probe_read_user(to.as_mut_ptr().cast(), len, from)
            } else {
                bpf_probe_read_kernel(to.as_mut_ptr().cast(), len, from)
            }
        };
        failed == 0
    }
}

/// Eight bytes at a constant offset.
#[inline(always)]
const fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut value = 0;
    let mut index = 0;
    while index < 8 {
        value |= (bytes[at + index] as u64) << (8 * index);
        index += 1;
    }
    value
}

/// The first eight bytes of a lower-case name.
const fn name(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let mut at = 0;
    while at < text.len() && at < 8 {
        bytes[at] = text[at];
        at += 1;
    }
    u64::from_le_bytes(bytes)
}

/// Looks through `head`. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn scan_head(head: *mut Head) -> i32 {
    // SAFETY: the verifier checks pointers that are handed to global functions; null is possible for it.
    let Some(head) = (unsafe { head.as_mut() }) else { return 0 };
    for index in 0..MAX_HEAD / CHUNK {
        if index * CHUNK >= head.len || head.end != 0 || head.traits & traits::STRANGE != 0 {
            break;
        }
        scan_chunk(head, index * CHUNK);
    }
    0
}

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn scan_chunk(head: *mut Head, offset: u32) -> i32 {
    // SAFETY: as in `scan_head`.
    let Some(head) = (unsafe { head.as_mut() }) else { return 0 };
    let mut bytes = [0u8; CHUNK as usize];
    if !head.read(offset, &mut bytes) {
        head.traits |= traits::STRANGE;
        return 0;
    }
    for index in 0..CHUNK as usize / 8 {
        // SAFETY: eight bytes within the array; a local is aligned for it.
        let word = unsafe { bytes.as_ptr().add(index * 8).cast::<u64>().read_unaligned() };
        let x = word ^ NEWLINES;
        if x.wrapping_sub(LOW) & !x & HIGH == 0 {
            continue;
        }
        for byte in 0..8u32 {
            if (word >> (8 * byte)) as u8 == b'\n' {
                line(head, offset + index as u32 * 8 + byte + 1);
                if head.end != 0 {
                    return 0;
                }
            }
        }
    }
    0
}

/// Looks at the line that starts at `start`, and at how the one before it ended. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn line(head: *mut Head, start: u32) -> i32 {
    // SAFETY: as in `scan_head`.
    let Some(head) = (unsafe { head.as_mut() }) else { return 0 };
    let mut window = [0u8; 32];
    if start < BEFORE || !head.read(start - BEFORE, &mut window) || window[0] != b'\r' {
        head.traits |= traits::STRANGE;
        return 0;
    }
    if head.first_line == 0 {
        head.first_line = start;
        // RFC 9112 section 3: method, target, version.
        let mut version = [0u8; 16];
        const VERSION: u32 = b" HTTP/1.1\r\n".len() as u32;
        if start < VERSION
            || !head.read(start - VERSION, &mut version)
            || word(&version, 0) != name(b" HTTP/1.")
        {
            head.traits |= traits::STRANGE;
            return 0;
        }
    }
    match window[2] {
        b'\r' if window[3] == b'\n' => {
            head.end = start + 2;
            return 0;
        }
        b'\r' | b'\n' | b' ' | b'\t' => {
            head.traits |= traits::STRANGE;
            return 0;
        }
        _ => {}
    }
    let (first, second) = (word(&window, 2) | LOWER, word(&window, 10) | LOWER);
    if first == name(b"tracepar") {
        if second as u32 == name(b"ent:") as u32 && head.context == 0 {
            head.context = start + b"traceparent:".len() as u32;
        } else {
            head.traits |= traits::AMBIGUOUS;
        }
    } else if first == name(b"tracesta") {
        head.traits |= traits::STATE;
    } else if first & 0xff_ffff == name(b"b3:")
        || first & 0xff_ffff_ffff == name(b"x-b3-")
        || first == name(b"uber-tra")
        || first == name(b"x-amzn-t")
    {
        head.traits |= traits::OTHER;
    } else if first == name(b"transfer") {
        head.traits |= traits::CODED;
    } else if first == name(b"content-") && second & 0xff_ffff_ffff_ffff == name(b"length:") {
        head.content_at = start + b"content-length:".len() as u32;
    }
    0
}

/// Reads `Content-Length`, if a head that was looked through has it. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn content_length(head: *mut Head) -> i32 {
    // SAFETY: as in `scan_head`.
    let Some(head) = (unsafe { head.as_mut() }) else { return 0 };
    let mut text = [0u8; 16];
    if head.content_at == 0 || !head.read(head.content_at, &mut text) {
        return 0;
    }
    let mut value = 0u32;
    for letter in text {
        match letter {
            b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add(u32::from(letter - b'0')),
            b' ' | b'\t' if value == 0 => {}
            _ => break,
        }
    }
    head.content = value;
    0
}

/// Whether there is one `traceparent` of version 00 (W3C Trace Context, section 3.2.2), whose trace id and flags are then copied to `to`:
/// 1 or 0.
/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn context_value(head: *const Head, to: *mut Hand) -> i32 {
    // SAFETY: as in `scan_head`.
    let (Some(head), Some(to)) = (unsafe { head.as_ref() }, unsafe { to.as_mut() }) else { return 0 };
    let mut space = [0u8; 1];
    if !head.read(head.context, &mut space) {
        return 0;
    }
    let start = head.context + u32::from(space[0] == b' ');
    let mut text = [0u64; 8];
    // SAFETY: the same bytes.
    if !head.read(start, unsafe { &mut *(&raw mut text).cast::<[u8; 64]>() }) {
        return 0;
    }
    // Version, trace id, span id and flags, with a dash between each two, and the end of the line.
    let mut wrong = (text[0] ^ u64::from_le_bytes(*b"00-\0\0\0\0\0")) & 0xff_ffff;
    wrong |= (text[4] >> 24 ^ u64::from(b'-')) & 0xff;
    wrong |= (text[6] >> 32 ^ u64::from(b'-')) & 0xff;
    wrong |= text[6] >> 56 ^ u64::from(b'\r');
    let flags = text[6] >> 40 & 0xffff;
    wrong |= not_hex(flags | ZEROS << 16);
    let (mut trace, mut span) = (0, 0);
    for index in 0..4 {
        let word = shifted(&text, 3 + 8 * index);
        // Of use once `has_trace` is set.
        to.trace[8 * index..8 * index + 8].copy_from_slice(&word.to_le_bytes());
        trace |= word ^ ZEROS;
        wrong |= not_hex(word);
    }
    for at in [36, 44] {
        let word = shifted(&text, at);
        span |= word ^ ZEROS;
        wrong |= not_hex(word);
    }
    if wrong != 0 || trace == 0 || span == 0 {
        return 0;
    }
    to.flags = [flags as u8, (flags >> 8) as u8];
    to.has_trace = 1;
    1
}

/// Eight bytes from an offset that is no multiple of eight. (Loading them one by one takes three times the stack.)
#[inline(always)]
const fn shifted(words: &[u64; 8], at: usize) -> u64 {
    let shift = at % 8 * 8;
    words[at / 8] >> shift | words[at / 8 + 1] << (64 - shift)
}

/// Eight times the digit 0.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// 0 if eight characters are hexadecimal digits in lower case.
///
/// All at once: a loop with branches over 55 characters is more than kernel 6.1's verifier wants to look at. A global function, so that
/// the compiler does not keep all words on the stack at a time.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn not_hex(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    /// The highest bit of each character.
    const HIGH: u64 = ONES << 7;
    /// Added to characters below 128, sets their highest bits from `letter` on.
    const fn from(letter: u8) -> u64 {
        ONES * (128 - letter as u64)
    }
    let low = word & !HIGH;
    let digit = low.wrapping_add(from(b'0')) & !low.wrapping_add(from(b'9' + 1));
    let small = low.wrapping_add(from(b'a')) & !low.wrapping_add(from(b'f' + 1));
    (!(digit | small) | word) & HIGH
}
