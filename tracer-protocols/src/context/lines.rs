//! Headers of a message that did not come as lines: those of brokers' messages carry context by the same names as HTTP's.

use crate::http1::{ContextHeaders, Headers, is_token, seen_fields};

/// Bytes of names and values that are kept: every header that carries context, many times over.
const MAX_TEXT: usize = 4096;

/// Headers as the lines of an HTTP/1 head, so that whatever reads those reads these. It is to be cleared and used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderLines(Vec<u8>);

impl HeaderLines {
    /// Forgets all headers.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a header. One that could not stand in a line, or for which there is no room, is left out.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let is_line = !name.is_empty()
            && name.iter().copied().all(is_token)
            && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
        if !is_line || self.0.len() + name.len() + value.len() + 4 > MAX_TEXT {
            return;
        }
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
    }

    /// What carries context among them, and all of them.
    pub(super) fn read(&self) -> (ContextHeaders<'_>, Headers<'_>) {
        (seen_fields(&self.0).context, Headers::new(&self.0))
    }
}
