//! Statements of SQL as spans show them: without literals, and in a few words.
//!
//! By the semantic conventions for database spans 1.44: "Sanitization of `db.query.text`" and "Generating query summary". It is no parser of
//! SQL: it tells literals, comments and words apart, which is the same in all dialects but for a few characters.

mod summary;
mod token;

pub use token::Dialect;

use token::{Token, Tokens};

/// Most bytes of text that are shown.
const MAX_TEXT: usize = 1024;

/// A statement as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its text: literals are `?`, lists of them `?` once, comments are gone.
    pub text: String,
    /// Operations and their targets: `SELECT goods`.
    pub summary: String,
    /// The first operation.
    pub operation: String,
}

/// How `statement`, which may be cut anywhere, is shown.
pub fn show(statement: &str, dialect: Dialect) -> Shown {
    let mut shown = Shown::default();
    let mut summary = summary::Summary::default();
    let mut spaced = false;
    for token in Tokens::new(statement, dialect) {
        match token {
            Token::Space => {
                spaced = !shown.text.is_empty();
                continue;
            }
            Token::Literal => {
                if shown.text.len() < MAX_TEXT && !ends_in_list_of_literals(&mut shown.text) {
                    space(&mut shown.text, spaced);
                    shown.text.push('?');
                }
            }
            Token::Word(word) | Token::Other(word) => {
                if shown.text.len() < MAX_TEXT {
                    space(&mut shown.text, spaced);
                    shown.text.push_str(word);
                }
            }
        }
        summary.take(&token);
        spaced = false;
    }
    if shown.text.len() >= MAX_TEXT {
        shown.text.truncate(shown.text.floor_char_boundary(MAX_TEXT));
        shown.text.push_str("...");
    }
    (shown.operation, shown.summary) = summary.finish();
    shown
}

fn space(text: &mut String, spaced: bool) {
    if spaced {
        text.push(' ');
    }
}

/// Whether another literal would follow `?,` in brackets: then the comma goes too.
fn ends_in_list_of_literals(text: &mut String) -> bool {
    let Some(before) = text.trim_end().strip_suffix(',') else { return false };
    let before = before.trim_end();
    let is_list = before.strip_suffix('?').is_some_and(|front| front.trim_end().ends_with(['(', '[']));
    if is_list {
        text.truncate(before.len());
    }
    is_list
}
