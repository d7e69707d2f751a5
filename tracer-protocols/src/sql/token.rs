//! Literals, words and the rest.

/// What differs between systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Double quotes are names, `$tag$` quotes text, backslashes mean themselves but in `E'...'`.
    Postgres,
    /// Double quotes are text, backslashes escape, `#` begins a comment.
    Mysql,
    /// As PostgreSQL's; `//` begins a comment, and UUIDs are literals.
    Cassandra,
}

/// A part of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// White space or a comment.
    Space,
    /// A value.
    Literal,
    /// A keyword, a name (with its quotes), or a parameter.
    Word(&'a str),
    /// One character of something else.
    Other(&'a str),
}

/// The tokens of a statement.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(statement: &'a str, dialect: Dialect) -> Self {
        Self { rest: statement, dialect }
    }

    /// Takes `len` bytes, or all.
    fn take(&mut self, len: usize) -> &'a str {
        let (front, rest) = self.rest.split_at(self.rest.ceil_char_boundary(len.min(self.rest.len())));
        self.rest = rest;
        front
    }

    fn run(&self, fits: impl Fn(char) -> bool) -> usize {
        self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len())
    }

    /// Bytes up to behind `end`, from `start` on; all where it is missing.
    fn behind(&self, start: usize, end: &str) -> usize {
        self.rest
            .get(start..)
            .and_then(|rest| rest.find(end))
            .map_or(self.rest.len(), |at| start + at + end.len())
    }

    /// Bytes of what is quoted at `start`: two quotes are one, and so is an escaped one.
    fn quoted(&self, start: usize, escapes: bool) -> usize {
        let bytes = self.rest.as_bytes();
        let quote = bytes[start];
        let mut at = start + 1;
        while let Some(&byte) = bytes.get(at) {
            if byte == b'\\' && escapes {
                at += 2;
            } else if byte == quote {
                if bytes.get(at + 1) != Some(&quote) {
                    return at + 1;
                }
                at += 2;
            } else {
                at += 1;
            }
        }
        bytes.len()
    }

    /// Bytes of `$tag$ ... $tag$`.
    fn dollar_quoted(&self) -> Option<usize> {
        let tag_end = 1 + self.rest.get(1..)?.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        let is_tag = self.rest[tag_end..].starts_with('$') && !self.rest.as_bytes()[1].is_ascii_digit();
        is_tag.then(|| self.behind(tag_end + 1, &self.rest[..=tag_end]))
    }

    /// Whether a UUID is next: 32 hexadecimal digits, and dashes behind the 8th, 12th, 16th and 20th.
    fn begins_uuid(&self) -> bool {
        self.rest.as_bytes().get(..UUID).is_some_and(|text| {
            text.iter().enumerate().all(|(at, byte)| {
                if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
            })
        })
    }

    fn literal(&mut self, len: usize) -> Token<'a> {
        self.take(len);
        Token::Literal
    }

    fn space(&mut self, len: usize) -> Token<'a> {
        self.take(len);
        Token::Space
    }
}

/// Characters of a UUID.
const UUID: usize = 36;

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let first = self.rest.chars().next()?;
        let mysql = self.dialect == Dialect::Mysql;
        let second = self.rest.as_bytes().get(1).copied().unwrap_or(0);
        Some(match first {
            _ if first.is_whitespace() || first == '\0' => {
                let len = self.run(|c| c.is_whitespace() || c == '\0');
                self.space(len)
            }
            '-' if second == b'-' => self.space(self.behind(2, "\n")),
            '/' if second == b'/' && self.dialect == Dialect::Cassandra => self.space(self.behind(2, "\n")),
            _ if self.dialect == Dialect::Cassandra && self.begins_uuid() => self.literal(UUID),
            '#' if mysql => self.space(self.behind(1, "\n")),
            '/' if second == b'*' => self.space(self.behind(2, "*/")),
            '\'' => self.literal(self.quoted(0, mysql)),
            '"' if mysql => self.literal(self.quoted(0, true)),
            '"' | '`' => Token::Word(self.take(self.quoted(0, false))),
            '$' if !mysql && !second.is_ascii_digit() => match self.dollar_quoted() {
                Some(len) => self.literal(len),
                None => Token::Other(self.take(1)),
            },
            '$' | ':' | '@' if second.is_ascii_alphanumeric() || second == b'_' => {
                let len = 1 + self.rest[1..].find(|c| !in_word(c)).unwrap_or(self.rest.len() - 1);
                Token::Word(self.take(len))
            }
            '0'..='9' => self.literal(self.number()),
            '.' if second.is_ascii_digit() => self.literal(self.number()),
            // Text in another notation: E'...', B'...', X'...', N'...'.
            'e' | 'E' | 'b' | 'B' | 'x' | 'X' | 'n' | 'N' if second == b'\'' => {
                let escapes = mysql || first.eq_ignore_ascii_case(&'e');
                self.literal(self.quoted(1, escapes))
            }
            _ if in_word(first) => {
                let len = self.run(in_word);
                Token::Word(self.take(len))
            }
            _ => Token::Other(self.take(first.len_utf8())),
        })
    }
}

impl Tokens<'_> {
    /// Bytes of a number, with its exponent.
    fn number(&self) -> usize {
        let bytes = self.rest.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let is_sign = matches!(byte, b'+' | b'-') && at > 0 && matches!(bytes[at - 1], b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_' || is_sign) {
                break;
            }
            at += 1;
        }
        at
    }
}
