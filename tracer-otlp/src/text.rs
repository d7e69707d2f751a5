//! Text that came from the other side, made fit for a status line.

use std::error::Error;

/// Longest message kept, in bytes. A page of HTML in an error body must not become resident memory.
pub(crate) const LIMIT: usize = 512;

/// `text` without control characters, cut to [`LIMIT`] bytes at a character boundary.
pub(crate) fn bounded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(LIMIT));
    for character in text.chars() {
        if kept.len() + character.len_utf8() > LIMIT {
            break;
        }
        kept.push(if character.is_control() { ' ' } else { character });
    }
    kept
}

/// An error with its causes, which hyper and rustls keep out of their own `Display`.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Wrappers often repeat what they wrap.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        let text = "ä".repeat(LIMIT);
        let kept = bounded(&text);
        assert_eq!(kept.len(), LIMIT);
        assert!(text.starts_with(&kept));
    }

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(bounded("a\x1b[31m\nb"), "a [31m b");
    }
}
