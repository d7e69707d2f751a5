//! A statement in a few words.

use super::token::Token;

/// Most bytes of a summary (semantic conventions, "Generating query summary").
const MAX_SUMMARY: usize = 255;

/// Operations that appear in a summary wherever they stand.
const OPERATIONS: [&str; 6] = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"];
/// Behind these stands a target.
const BEFORE_TARGET: [&str; 7] = ["FROM", "INTO", "JOIN", "UPDATE", "TABLE", "CALL", "COPY"];
/// Between those and the target these may stand.
const IN_BETWEEN: [&str; 6] = ["ONLY", "IF", "NOT", "EXISTS", "IGNORE", "LATERAL"];

/// What is to come.
#[derive(Debug, Default, PartialEq, Eq)]
enum Expects {
    #[default]
    Nothing,
    Target,
    /// The rest of a name, behind a dot.
    Rest,
    /// A name has just ended: a dot or a comma may follow.
    More,
}

/// Gathers a summary.
#[derive(Debug, Default)]
pub(super) struct Summary {
    operation: String,
    text: String,
    expects: Expects,
    /// Targets are listed: those of FROM.
    lists: bool,
}

impl Summary {
    /// Takes the next token that is no space.
    pub(super) fn take(&mut self, token: &Token<'_>) {
        match *token {
            Token::Word(word) => self.word(word),
            Token::Other(".") if self.expects == Expects::More => {
                self.text.push('.');
                self.expects = Expects::Rest;
            }
            Token::Other(",") if self.expects == Expects::More && self.lists => {
                self.expects = Expects::Target;
            }
            Token::Space => {}
            Token::Literal | Token::Other(_) => self.expects = Expects::Nothing,
        }
    }

    fn word(&mut self, word: &str) {
        let upper = word.to_ascii_uppercase();
        if self.expects == Expects::Target && IN_BETWEEN.contains(&&*upper) {
            return;
        }
        if self.expects == Expects::Rest {
            self.text.push_str(word);
            self.expects = Expects::More;
            return;
        }
        let first = self.operation.is_empty();
        if first {
            self.operation.clone_from(&upper);
        }
        // `FOR UPDATE` and `ON CONFLICT DO UPDATE SET` have no target of their own.
        let is_operation =
            first || OPERATIONS.contains(&&*upper) && !(upper == "UPDATE" && self.text.starts_with("SELECT"));
        if is_operation && self.expects != Expects::Target {
            self.add(&upper);
            self.expects = if BEFORE_TARGET.contains(&&*upper) { Expects::Target } else { Expects::Nothing };
        } else if BEFORE_TARGET.contains(&&*upper) && upper != "UPDATE" {
            self.lists = upper == "FROM";
            self.expects = Expects::Target;
        } else if self.expects == Expects::Target {
            self.add(word);
            self.expects = Expects::More;
        } else if self.expects == Expects::More && upper != "AS" && !self.lists {
            self.expects = Expects::Nothing;
        }
    }

    fn add(&mut self, word: &str) {
        if self.text.len() + word.len() >= MAX_SUMMARY {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }

    /// The first operation, and the summary.
    pub(super) fn finish(self) -> (String, String) {
        (self.operation, self.text)
    }
}
