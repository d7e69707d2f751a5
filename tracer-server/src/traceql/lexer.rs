//! The words of a query, with their places.

use super::{
    field::{Field, Intrinsic},
    parser::SyntaxError,
    value::Value,
};
use crate::{
    query::parse_duration,
    spans::{Kind, Status},
};

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Brackets, operators, commas.
    Sign(&'static str),
    /// A constant.
    Value(Value),
    /// A field of a span.
    Field(Field),
    /// The name of a function or of an option.
    Word(String),
}

impl Token {
    /// As an error names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Sign(sign) => format!("`{sign}`"),
            Self::Value(value) => format!("the value `{}`", value.to_text()),
            Self::Field(field) => format!("the field `{field}`"),
            Self::Word(word) => format!("`{word}`"),
        }
    }
}

/// The longer ones first.
const SIGNS: [&str; 35] = [
    "&>>", "&<<", "!>>", "!<<", "&>", "&<", "&~", "!>", "!<", "!~", "!=", "&&", "||", ">>", "<<", ">=", "<=",
    "=~", "{", "}", "(", ")", "=", ">", "<", "~", "!", "|", ",", "+", "-", "*", "/", "%", "^",
];

/// Characters that end the name of an attribute without quotes.
fn ends_name(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '{' | '}' | '(' | ')' | '=' | '~' | '!' | '<' | '>' | '&' | '|' | '^' | ',' | '"' | '`'
        )
}

/// What makes a field of the name of an attribute.
type Scoped = fn(String) -> Field;

/// The scopes of attributes.
const SCOPES: [(&str, Scoped); 6] = [
    (".", Field::Attribute),
    ("span.", Field::Span),
    ("resource.", Field::Resource),
    ("event.", Field::Event),
    ("link.", Field::Link),
    ("instrumentation.", Field::Scope),
];

/// The words, each with the place in bytes at which it begins.
pub(super) fn words(text: &str) -> Result<Vec<(usize, Token)>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut words = Vec::new();
    loop {
        lexer.skip_space();
        let at = lexer.at;
        let Some(token) = lexer.next()? else { return Ok(words) };
        words.push((at, token));
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, at: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.text, at, message)
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn next(&mut self) -> Result<Option<Token>, SyntaxError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if first == '"' || first == '`' {
            return self.quoted().map(|text| Some(Token::Value(Value::Text(text))));
        }
        if first.is_ascii_digit() {
            return self.number().map(Some);
        }
        for (prefix, field) in SCOPES {
            if let Some(behind) = rest.strip_prefix(prefix)
                && !behind.starts_with(|c: char| prefix == "." && c.is_ascii_digit())
            {
                self.at += prefix.len();
                let name = self.name()?;
                return Ok(Some(Token::Field(field(name))));
            }
        }
        if first == '.' {
            return self.number().map(Some);
        }
        if first.is_alphabetic() || first == '_' {
            return self.word().map(Some);
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => {
                self.at += sign.len();
                Ok(Some(Token::Sign(sign)))
            }
            None => Err(self.error(self.at, format!("the character {first:?} has no meaning here"))),
        }
    }

    /// The name of an attribute, with quoted parts.
    fn name(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut name = String::new();
        while let Some(c) = self.rest().chars().next() {
            if c == '"' {
                name.push_str(&self.quoted()?);
            } else if ends_name(c) {
                break;
            } else {
                name.push(c);
                self.at += c.len_utf8();
            }
        }
        if name.is_empty() {
            return Err(self.error(start, "the name of an attribute is missing behind the dot"));
        }
        Ok(name)
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        let mut chars = self.rest().char_indices();
        let quote = chars.next().map(|(_, quote)| quote);
        let mut text = String::new();
        while let Some((at, c)) = chars.next() {
            if Some(c) == quote {
                self.at = start + at + 1;
                return Ok(text);
            }
            if c != '\\' || quote == Some('`') {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, c @ ('"' | '\\' | '\''))) => text.push(c),
                // Patterns are written with one backslash by many: `"\d+"`.
                Some((_, c)) => text.extend(['\\', c]),
                None => break,
            }
        }
        Err(self.error(start, "the closing quote is missing"))
    }

    /// `12`, `1.5`, `250ms`, `1h30m`.
    fn number(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
        let word = &rest[..end];
        let value = if let Ok(number) = word.parse::<i64>() {
            Some(Value::Int(number))
        } else if let Some(number) = word.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(Value::Float(number))
        } else {
            parse_duration(word).and_then(|ns| i64::try_from(ns).ok()).map(Value::Duration)
        };
        let value = value.ok_or_else(|| {
            self.error(self.at, format!("`{word}` is neither a number nor a duration such as 250ms"))
        })?;
        self.at += end;
        Ok(Token::Value(value))
    }

    fn word(&mut self) -> Result<Token, SyntaxError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')).unwrap_or(rest.len());
        let word = &rest[..end];
        let token = match word {
            "true" => Token::Value(Value::Bool(true)),
            "false" => Token::Value(Value::Bool(false)),
            "nil" => Token::Value(Value::Nil),
            _ => {
                if let Some(field) = Intrinsic::named(word) {
                    Token::Field(Field::Intrinsic(field))
                } else if let Some(status) = Status::from_name(word) {
                    Token::Value(Value::Status(status))
                } else if let Some(kind) = Kind::from_name(word) {
                    Token::Value(Value::Kind(kind))
                } else if word.contains(':') {
                    return Err(self.error(self.at, format!("there is no field `{word}`")));
                } else {
                    Token::Word(word.to_owned())
                }
            }
        };
        self.at += end;
        Ok(token)
    }
}
