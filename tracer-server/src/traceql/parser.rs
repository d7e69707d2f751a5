//! Text into a [`Query`].

use regex::{Regex, RegexBuilder};

use super::{
    ast::{Aggregate, Comparison, Expression, Join, Query, Relation, Scalar, Spanset, Stage},
    field::Field,
    lexer::{Token, words},
    operand::{Operand, precedence},
    value::Value,
};

/// Words of a query, at most.
const MOST_WORDS: usize = 500;

/// Bytes of a query, at most.
const MOST_BYTES: usize = 16 << 10;

/// How deep brackets may lie in one another.
const DEPTH: usize = 40;

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// Functions of TraceQL that compute courses over time.
const METRICS: [&str; 12] = [
    "rate",
    "count_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "avg_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "topk",
    "bottomk",
    "compare",
    "second",
];

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The query is wrong at character {position}{near}: {message}.")]
pub struct SyntaxError {
    /// The first character is 1.
    pub position: usize,
    near: String,
    message: String,
}

impl SyntaxError {
    /// At a place in bytes.
    pub(super) fn new(text: &str, at: usize, message: impl Into<String>) -> Self {
        let (before, behind) = text.split_at(at.min(text.len()));
        let behind: String = behind.chars().take(20).collect();
        let near = if behind.is_empty() { " (its end)".to_owned() } else { format!(" (`{behind}`)") };
        Self { position: before.chars().count() + 1, near, message: message.into() }
    }
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Query, SyntaxError> {
    if text.len() > MOST_BYTES {
        return Err(SyntaxError::new(text, 0, format!("it is longer than {MOST_BYTES} bytes")));
    }
    let words = words(text)?;
    if let Some((at, _)) = words.get(MOST_WORDS) {
        return Err(SyntaxError::new(text, *at, format!("it has more than {MOST_WORDS} words")));
    }
    let mut parser = Parser { text, words, at: 0, depth: 0 };
    parser.query()
}

/// Reads one field, such as `resource.service.name` or `kind`; none for anything else.
pub fn parse_field(text: &str) -> Option<Field> {
    match words(text).ok()?.as_slice() {
        [(_, Token::Field(field))] => Some(field.clone()),
        _ => None,
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    words: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.words.get(self.at).map(|(_, token)| token)
    }

    fn sign(&self) -> &'static str {
        match self.peek() {
            Some(Token::Sign(sign)) => sign,
            _ => "",
        }
    }

    fn accept(&mut self, sign: &str) -> bool {
        let is_there = self.sign() == sign && !sign.is_empty();
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn error(&self, message: impl Into<String>) -> SyntaxError {
        let at = self.words.get(self.at).map_or(self.text.len(), |(at, _)| *at);
        SyntaxError::new(self.text, at, message)
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let found = self.peek().map_or("the end".to_owned(), Token::describe);
        self.error(format!("{wanted} is expected here, not {found}"))
    }

    /// Something in brackets.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH {
            return Err(self.error(format!("brackets lie more than {DEPTH} deep in one another")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn query(&mut self) -> Parsed<Query> {
        let spans = self.spanset(0)?;
        let mut stages = Vec::new();
        while self.accept("|") {
            stages.push(self.stage()?);
        }
        if matches!(self.peek(), Some(Token::Word(word)) if word == "with") {
            self.options()?;
        }
        match self.peek() {
            None => Ok(Query { spans, stages }),
            Some(_) => Err(self.unexpected("`|`, an operator or the end")),
        }
    }

    /// `with(most_recent=true)`, which is what is always answered.
    fn options(&mut self) -> Parsed<()> {
        self.at += 1;
        self.expect("(")?;
        let is_known = matches!(self.peek(), Some(Token::Word(word)) if word == "most_recent");
        if !is_known {
            return Err(self.unexpected("the option `most_recent`"));
        }
        self.at += 1;
        self.expect("=")?;
        if !matches!(self.peek(), Some(Token::Value(Value::Bool(_)))) {
            return Err(self.unexpected("true or false"));
        }
        self.at += 1;
        self.expect(")")
    }

    /// Sets of spans joined by operators that bind at least so tightly.
    fn spanset(&mut self, tightness: u8) -> Parsed<Spanset> {
        let mut left = self.one_spanset()?;
        while let Some((join, own)) = join(self.sign()).filter(|(_, own)| *own >= tightness) {
            self.at += 1;
            let right = self.spanset(own + 1)?;
            left = Spanset::Join(Box::new(left), join, Box::new(right));
        }
        Ok(left)
    }

    fn one_spanset(&mut self) -> Parsed<Spanset> {
        if self.accept("(") {
            let inner = self.deeper(|parser| parser.spanset(0))?;
            if self.sign() == "|" {
                return Err(self.error("a pipeline in brackets is not answered here; write it without them"));
            }
            self.expect(")")?;
            return Ok(inner);
        }
        if !self.accept("{") {
            return Err(self.unexpected("a set of spans, such as `{ }` or `{ status = error }`,"));
        }
        if self.accept("}") {
            return Ok(Spanset::Filter(None));
        }
        let condition = self.deeper(|parser| parser.expression(0))?;
        if self.sign() != "}" {
            return Err(self.unexpected("`}` or an operator"));
        }
        self.at += 1;
        Ok(Spanset::Filter(Some(condition)))
    }

    /// Operands joined by operators that bind at least so tightly.
    fn expression(&mut self, tightness: u8) -> Parsed<Expression> {
        let mut left = self.one_expression()?;
        while let Some(own) = precedence(self.sign()).filter(|own| *own >= tightness) {
            let sign = self.sign();
            self.at += 1;
            if sign == "=~" || sign == "!~" {
                let pattern = self.pattern()?;
                left = Expression::Match { of: Box::new(left), pattern, negated: sign == "!~" };
                continue;
            }
            // Powers are read from the right.
            let right = self.expression(if sign == "^" { own } else { own + 1 })?;
            left = Expression::join(left, sign, right).ok_or_else(|| self.unexpected("an operator"))?;
        }
        Ok(left)
    }

    fn one_expression(&mut self) -> Parsed<Expression> {
        if self.accept("(") {
            let inner = self.deeper(|parser| parser.expression(0))?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.accept("!") {
            let inner = self.deeper(|parser| parser.expression(super::operand::NOT))?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.accept("-") {
            let inner = self.deeper(|parser| parser.expression(super::operand::NEGATIVE))?;
            return Ok(Expression::Negative(Box::new(inner)));
        }
        let expression = match self.peek() {
            Some(Token::Value(value)) => Expression::Value(value.clone()),
            Some(Token::Field(field)) => Expression::Field(field.clone()),
            Some(Token::Word(word)) => {
                let message = format!(
                    "there is no field `{word}`; attributes are written with a dot, such as `.{word}` or `span.{word}`"
                );
                return Err(self.error(message));
            }
            _ => return Err(self.unexpected("a field or a value")),
        };
        self.at += 1;
        Ok(expression)
    }

    fn pattern(&mut self) -> Parsed<Regex> {
        let Some(Token::Value(Value::Text(text))) = self.peek() else {
            return Err(self.unexpected("a pattern in quotes"));
        };
        let built = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES).build();
        let pattern = built.map_err(|error| {
            // The last line of the library's text says what is wrong.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            self.error(format!("the pattern cannot be used: {reason}"))
        })?;
        self.at += 1;
        Ok(pattern)
    }

    fn stage(&mut self) -> Parsed<Stage> {
        let ahead = self.words[self.at..].iter().find(|(_, token)| *token != Token::Sign("("));
        if matches!(ahead, Some((_, Token::Sign("{")))) {
            return Ok(Stage::Filter(self.spanset(0)?));
        }
        if let Some(Token::Word(word)) = self.peek() {
            let word = word.clone();
            match word.as_str() {
                "by" => {
                    self.at += 1;
                    self.expect("(")?;
                    let expression = self.deeper(|parser| parser.expression(0))?;
                    self.expect(")")?;
                    return Ok(Stage::By(expression));
                }
                "coalesce" => {
                    self.at += 1;
                    self.expect("(")?;
                    self.expect(")")?;
                    return Ok(Stage::Coalesce);
                }
                "select" => return self.select(),
                _ if METRICS.contains(&word.as_str()) => {
                    let message =
                        format!("`{word}` computes metrics; this server answers searches for traces");
                    return Err(self.error(message));
                }
                _ => {}
            }
        }
        let left = self.scalar(precedence("+").unwrap_or_default())?;
        let Some(comparison) = Comparison::of(self.sign()) else {
            return Err(self.unexpected("a comparison such as `> 2`"));
        };
        self.at += 1;
        let right = self.scalar(precedence("+").unwrap_or_default())?;
        Ok(Stage::Keep(left, comparison, right))
    }

    fn select(&mut self) -> Parsed<Stage> {
        self.at += 1;
        self.expect("(")?;
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let Some(Token::Field(field)) = self.peek() else { return Err(self.unexpected("a field")) };
            fields.push(field.clone());
            self.at += 1;
            if !self.accept(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(Stage::Select(fields))
    }

    fn scalar(&mut self, tightness: u8) -> Parsed<Scalar> {
        let mut left = self.one_scalar()?;
        while let Some(own) = precedence(self.sign()).filter(|own| *own >= tightness) {
            let sign = self.sign();
            self.at += 1;
            let right = self.scalar(if sign == "^" { own } else { own + 1 })?;
            left = Scalar::join(left, sign, right).ok_or_else(|| self.unexpected("an operator"))?;
        }
        Ok(left)
    }

    fn one_scalar(&mut self) -> Parsed<Scalar> {
        if self.accept("(") {
            let inner = self.deeper(|parser| parser.scalar(precedence("+").unwrap_or_default()))?;
            self.expect(")")?;
            return Ok(inner);
        }
        let negative = self.accept("-");
        match self.peek().cloned() {
            Some(Token::Value(value @ (Value::Int(_) | Value::Float(_) | Value::Duration(_)))) => {
                self.at += 1;
                Ok(Scalar::Value(if negative { value.negative() } else { value }))
            }
            Some(Token::Word(word)) if !negative => {
                let aggregate = match word.as_str() {
                    "count" => None,
                    "avg" => Some(Aggregate::Average),
                    "max" => Some(Aggregate::Maximum),
                    "min" => Some(Aggregate::Minimum),
                    "sum" => Some(Aggregate::Sum),
                    _ => return Err(self.unexpected("by, select, coalesce, count, avg, max, min or sum")),
                };
                self.at += 1;
                self.expect("(")?;
                let scalar = match aggregate {
                    None => Scalar::Count,
                    Some(aggregate) => Scalar::Of(aggregate, self.deeper(|parser| parser.expression(0))?),
                };
                self.expect(")")?;
                Ok(scalar)
            }
            _ => Err(self.unexpected("by, select, coalesce, count, avg, max, min, sum or a number")),
        }
    }
}

/// What an operator between sets means, and how tightly it binds: as in Tempo's grammar, `&&` and `||` alike, and those of
/// structure more tightly.
fn join(sign: &str) -> Option<(Join, u8)> {
    let structure = |relation, negated, both| Some((Join::Structure { relation, negated, both }, 1));
    match sign {
        "&&" => Some((Join::And, 0)),
        "||" => Some((Join::Or, 0)),
        ">" => structure(Relation::Child, false, false),
        ">>" => structure(Relation::Descendant, false, false),
        "<" => structure(Relation::Parent, false, false),
        "<<" => structure(Relation::Ancestor, false, false),
        "~" => structure(Relation::Sibling, false, false),
        "!>" => structure(Relation::Child, true, false),
        "!>>" => structure(Relation::Descendant, true, false),
        "!<" => structure(Relation::Parent, true, false),
        "!<<" => structure(Relation::Ancestor, true, false),
        "!~" => structure(Relation::Sibling, true, false),
        "&>" => structure(Relation::Child, false, true),
        "&>>" => structure(Relation::Descendant, false, true),
        "&<" => structure(Relation::Parent, false, true),
        "&<<" => structure(Relation::Ancestor, false, true),
        "&~" => structure(Relation::Sibling, false, true),
        _ => None,
    }
}
