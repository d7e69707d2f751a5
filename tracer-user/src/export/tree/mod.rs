//! One finished trace as a tree of text lines for terminals.
//!
//! ```text
//! trace 0af7651916cd43dd8448eb211c80319c  12.4 ms  5 spans  4 errors  1 incomplete
//! nginx ← GET /users/:id       ✗ 500                 12.4 ms  ████████████████
//! └─ nginx → GET               ✗ 500                 11.8 ms  ████████████████
//!    └─ app ← GET /users/:id   ✗ 500                 11.3 ms  ████████████████
//!       ├─ app → SELECT users  ✗ connection_reset ~   6.0 ms    █████████
//!       └─ app → PUT           204                    200 µs             █
//! ```
//!
//! `←` is a request received (SERVER), `→` a request sent (CLIENT), `✗` an error, `~` a span that lost events. The
//! bar shows when in the trace the span ran.

mod columns;
mod forest;
mod label;
mod style;
#[cfg(test)]
mod tests;
mod text;

use std::{borrow::Borrow, fmt::Write};

pub use style::Style;

use self::{columns::Columns, forest::Forest, label::Line, style::Paint, text::duration};
use super::hex::Hex;
use crate::spans::span::{Span, Status};

/// The spans of one trace as lines, each ended by a line feed. No spans, no text.
///
/// A span whose parent is not in the slice stands under `(parent elsewhere)`. Siblings are ordered by start, so
/// that the text does not depend on the order of the slice. Control characters in names are replaced: what a
/// stranger sent cannot steer the terminal.
pub fn render<S: Borrow<Span>>(spans: &[S], style: &Style) -> String {
    let mut spans: Vec<&Span> = spans.iter().map(Borrow::borrow).collect();
    spans.sort_by_key(|span| (span.start_ns, span.span_id));
    let Some(first) = spans.first() else { return String::new() };
    let start_ns = first.start_ns;
    let end_ns = spans.iter().map(|span| span.end_ns).fold(start_ns, u64::max);

    let mut out = String::new();
    write_title(&mut out, &spans, end_ns - start_ns, style);
    let rows = Forest::of(&spans, style.similar).rows(style);
    let lines: Vec<Line> = rows.iter().map(|row| Line::of(row, &spans, style)).collect();
    let columns = Columns::fitting(&lines, style);
    for line in &lines {
        columns.write(&mut out, line, start_ns, end_ns, style);
    }
    out
}

/// The first line: which trace, how long, how many spans, and what is wrong with it.
fn write_title(out: &mut String, spans: &[&Span], total_ns: u64, style: &Style) {
    let mut title = format!("trace {}  {}", Hex(&spans[0].trace_id), duration(total_ns));
    let mut count = |number: usize, one: &str, many: &str| {
        if number > 0 {
            // Writing to a string cannot fail.
            let _ = write!(title, "  {number} {}", if number == 1 { one } else { many });
        }
    };
    count(spans.len(), "span", "spans");
    count(spans.iter().filter(|span| span.status == Status::Error).count(), "error", "errors");
    count(spans.iter().filter(|span| span.incomplete).count(), "incomplete", "incomplete");
    let title = text::fit(&title, style.width.unwrap_or(usize::MAX));
    style.paint(out, Paint::Bold, &title);
    out.push('\n');
}
