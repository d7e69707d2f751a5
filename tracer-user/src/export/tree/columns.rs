//! Lines fitted into the width of the terminal: label, status, duration, bar.

use super::{
    Paint, Style,
    label::Line,
    text::{cut, fit, width},
};

/// Columns of the bar where there is no width to keep to.
const BAR: usize = 20;
/// Below this width the bar is left out: names matter more.
const NARROWEST_WITH_BAR: usize = 60;
/// Below this width only the label is left.
const NARROWEST_WITH_STATUS: usize = 40;
/// Columns of the status at most: an error type may be a sentence.
const WIDEST_STATUS: usize = 24;
/// Columns between two columns of text.
const GAP: usize = 2;

/// Widths of the columns of one tree; zero for one that is left out.
pub(super) struct Columns {
    label: usize,
    status: usize,
    duration: usize,
    bar: usize,
}

impl Columns {
    /// As wide as the widest line needs, and the label as narrow as the terminal forces.
    pub(super) fn fitting(lines: &[Line], style: &Style) -> Self {
        let widest = |of: &dyn Fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or(0);
        let label = widest(&Line::label_width);
        let status = widest(&|line| width(&line.status.1)).min(WIDEST_STATUS);
        let duration = widest(&|line| width(&line.duration));
        let Some(available) = style.width else { return Self { label, status, duration, bar: BAR } };
        if available < NARROWEST_WITH_STATUS {
            return Self { label: label.min(available), status: 0, duration: 0, bar: 0 };
        }
        let status = status.min(available / 4);
        let bar = if available < NARROWEST_WITH_BAR { 0 } else { available / 5 };
        let taken: usize =
            [status, duration, bar].iter().filter(|columns| **columns > 0).map(|columns| columns + GAP).sum();
        Self { label: label.min(available.saturating_sub(taken)), status, duration, bar }
    }

    /// Appends `line`. The trace lasts from `start_ns` to `end_ns`.
    pub(super) fn write(&self, out: &mut String, line: &Line, start_ns: u64, end_ns: u64, style: &Style) {
        // Headings have nothing to the right and may take that place.
        let heading = line.duration.is_empty();
        let columns = if heading { style.width.unwrap_or(usize::MAX) } else { self.label };
        let padding = write_label(out, line, columns, style);
        if !heading {
            self.write_right(out, line, padding, (start_ns, end_ns), style);
        }
        out.push('\n');
    }

    /// Status, duration and bar, `padding` columns right of what is written.
    fn write_right(&self, out: &mut String, line: &Line, padding: usize, trace: (u64, u64), style: &Style) {
        let mut pending = padding;
        let mut put = |paint, text: &str, before: usize, after: usize| {
            pending += before;
            if !text.is_empty() {
                out.extend(std::iter::repeat_n(' ', pending));
                style.paint(out, paint, text);
                pending = 0;
            }
            pending += after;
        };
        if self.status > 0 {
            let status = fit(&line.status.1, self.status);
            put(line.status.0, &status, GAP, self.status - width(&status));
        }
        if self.duration > 0 {
            put(Paint::Plain, &line.duration, GAP + self.duration - width(&line.duration), 0);
        }
        if let (1.., Some(times)) = (self.bar, line.times) {
            let (before, length) = bar(times, trace, self.bar);
            put(Paint::Dim, &"█".repeat(length), GAP + before, 0);
        }
    }
}

/// Appends the label, cut to `columns`; returns the columns left free.
fn write_label(out: &mut String, line: &Line, columns: usize, style: &Style) -> usize {
    let wider = line.label_width() > columns;
    // One column is the ellipsis's.
    let mut left = if wider { columns.saturating_sub(1) } else { columns };
    for (paint, text) in &line.label {
        let fitting = cut(text, left);
        left -= width(fitting);
        style.paint(out, *paint, fitting);
        if fitting.len() < text.len() {
            break;
        }
    }
    if wider && columns > 0 {
        out.push('…');
    }
    left
}

/// Columns before and of the bar of a span, within `columns` for the whole trace: at least one is filled.
fn bar(span: (u64, u64), trace: (u64, u64), columns: usize) -> (usize, usize) {
    let total = u128::from(trace.1.saturating_sub(trace.0)).max(1);
    let scaled = |time: u64| u128::from(time.saturating_sub(trace.0)) * columns as u128;
    let before = ((scaled(span.0) / total) as usize).min(columns - 1);
    let end = (scaled(span.1).div_ceil(total) as usize).clamp(before + 1, columns);
    (before, end - before)
}
