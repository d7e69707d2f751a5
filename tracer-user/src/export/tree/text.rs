//! Text that fits: cleaned, cut to columns, durations in words.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Columns that `text` takes in a terminal.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(|char| char.width().unwrap_or(0)).sum() }
}

/// As much of the start of `text` as `columns` hold.
pub(super) fn cut(text: &str, columns: usize) -> &str {
    let mut left = columns;
    let end = text.char_indices().find(|(_, char)| match left.checked_sub(char.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    });
    end.map_or(text, |(end, _)| &text[..end])
}

/// `text`, with an ellipsis at its end if it is wider than `columns`.
pub(super) fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(columns) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    Cow::Owned(format!("{}…", cut(text, columns)))
}

/// `text` without what could steer the terminal: control characters (escape sequences start with one), line and
/// paragraph separators, and the marks that reorder text (Unicode Standard Annex 9, "Directional Formatting
/// Characters").
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let steers = |char: char| {
        char.is_control()
            || matches!(char, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(steers) { Cow::Owned(text.replace(steers, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Nanoseconds as a person reads them: three digits, at most 9 columns below 28 hours.
pub(super) fn duration(ns: u64) -> String {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000_000;
    const SECOND: u64 = 1_000_000_000;
    let scaled = |unit: u64, name: &str| {
        // Tenths of the unit, rounded; whole units from 100 on.
        let tenths = (ns + unit / 20) / (unit / 10);
        if tenths < 1000 {
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            format!("{} {name}", (ns + unit / 2) / unit)
        }
    };
    // The bounds are where rounding reaches 1000 of the unit.
    match ns {
        0..MICRO => format!("{ns} ns"),
        MICRO..999_500 => scaled(MICRO, "µs"),
        999_500..999_500_000 => scaled(MILLI, "ms"),
        999_500_000..59_950_000_000 => scaled(SECOND, "s"),
        _ => {
            let seconds = ns / SECOND + u64::from(ns % SECOND >= SECOND / 2);
            format!("{} m {:02} s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.0 µs"),
            (99_949, "99.9 µs"),
            (99_950, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.0 ms"),
            (12_400_000, "12.4 ms"),
            (999_499_999, "999 ms"),
            (999_500_000, "1.0 s"),
            (59_949_999_999, "59.9 s"),
            (59_950_000_000, "1 m 00 s"),
            (3_723_400_000_000, "62 m 03 s"),
            (u64::MAX, "307445734 m 34 s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("日本"), 4);
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("日本語", 0), "");
    }

    #[test]
    fn escape_sequences_and_reordering_marks_are_replaced() {
        assert_eq!(clean("\x1b[31mGET\r\n\u{202e}x"), "\u{fffd}[31mGET\u{fffd}\u{fffd}\u{fffd}x");
        assert!(matches!(clean("GET /é"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn what_fits_is_never_wider(text in any::<String>(), columns in 0usize..40) {
            prop_assert!(width(&fit(&clean(&text), columns)) <= columns);
        }
    }
}
