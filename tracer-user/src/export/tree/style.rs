//! How a tree is to look.

/// How to draw a tree. The caller knows the terminal (its width, whether it is one, `NO_COLOR`); nothing is read
/// from the environment here.
#[derive(Clone, Debug)]
pub struct Style {
    /// Columns of the terminal; lines are cut to it. `None` for a pipe or file: nothing is cut.
    pub width: Option<usize>,
    /// Whether to colour with ANSI escape sequences (ECMA-48, "SGR").
    pub color: bool,
    /// Whether to say after each span why it has its parent.
    pub evidence: bool,
    /// Siblings of one service, kind, name and outcome that are shown; further ones become one line.
    pub similar: usize,
    /// Lines below the title; the rest of a larger trace is counted in one more line.
    pub max_rows: usize,
}

impl Default for Style {
    /// Plain text of any width: at most 5 similar siblings and 1000 lines.
    fn default() -> Self {
        Self { width: None, color: false, evidence: false, similar: 5, max_rows: 1000 }
    }
}

/// What a piece of text is, to be coloured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Dim,
    Error,
    /// One of the palette's colours, always the same for one service.
    Service(u8),
}

/// SGR foreground colours for services. Red is left to errors; black, white and grey vanish on some backgrounds.
const PALETTE: [&str; 6] = ["36", "32", "35", "33", "34", "96"];

impl Paint {
    pub(super) fn of_service(name: &str) -> Self {
        // FNV-1a, 32 bit: the colour of a name must not change from run to run.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self::Service((hash % PALETTE.len() as u32) as u8)
    }

    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Error => Some("31"),
            Self::Service(index) => PALETTE.get(usize::from(index)).copied(),
        }
    }
}

impl Style {
    pub(super) fn paint(&self, out: &mut String, paint: Paint, text: &str) {
        match paint.sgr() {
            Some(sgr) if self.color && !text.is_empty() => {
                out.extend(["\x1b[", sgr, "m", text, "\x1b[0m"]);
            }
            _ => out.push_str(text),
        }
    }
}
