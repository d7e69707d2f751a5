//! Names (RFC 1035, sections 3.1 and 4.1.4).

use std::fmt;

use super::limits::{MAX_NAME, MAX_POINTERS};

/// A name within a message.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Name<'a> {
    /// The name at `at`, and where it ends; `None` where it does not end within the message, or is none.
    pub(super) fn read(message: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let name = Self { message, at };
        let mut end = at;
        loop {
            match *message.get(end)? {
                0 => end += 1,
                length @ 1..=63 => {
                    end += 1 + usize::from(length);
                    continue;
                }
                0xc0.. => end += 2,
                // Kinds of labels that nobody uses (RFC 6891, section 5).
                _ => return None,
            }
            break;
        }
        // Its pointers lead somewhere, and not in circles.
        (end <= message.len() && name.labels().all(|label| label.is_some())).then_some((name, end))
    }

    /// Labels; `None` in place of one that is not there.
    fn labels(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let (message, mut at, mut pointers, mut total) = (self.message, self.at, 0, 0);
        let mut over = false;
        std::iter::from_fn(move || {
            while !over {
                match message.get(at) {
                    Some(0) => over = true,
                    Some(&length @ 1..=63) => {
                        let label = message.get(at + 1..at + 1 + usize::from(length));
                        at += 1 + usize::from(length);
                        total += 1 + usize::from(length);
                        over = label.is_none() || total > MAX_NAME;
                        return Some(label.filter(|_| !over));
                    }
                    Some(&high @ 0xc0..) if pointers < MAX_POINTERS => {
                        let Some(&low) = message.get(at + 1) else { break };
                        let to = usize::from(u16::from_be_bytes([high & 0x3f, low]));
                        // To the front only.
                        if to >= at {
                            break;
                        }
                        pointers += 1;
                        at = to;
                    }
                    _ => break,
                }
            }
            if over {
                return None;
            }
            over = true;
            Some(None)
        })
    }
}

/// Without the last dot; `.` for the root. Bytes that are no printable ASCII, and dots within labels, as `\DDD` (RFC 1035, section 5.1).
impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut empty = true;
        for label in self.labels().flatten() {
            if !empty {
                f.write_str(".")?;
            }
            empty = false;
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
        }
        if empty { f.write_str(".") } else { Ok(()) }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
