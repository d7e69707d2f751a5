//! What a query says.

use regex::Regex;

use super::{field::Field, value::Value};

/// A whole query: sets of spans, and what becomes of them.
#[derive(Clone, Debug)]
pub struct Query {
    /// The first stage.
    pub(super) spans: Spanset,
    /// What follows behind `|`.
    pub(super) stages: Vec<Stage>,
}

/// Which spans.
#[derive(Clone, Debug)]
pub(super) enum Spanset {
    /// `{ ... }`; without a condition every span.
    Filter(Option<Expression>),
    /// Two sets joined.
    Join(Box<Spanset>, Join, Box<Spanset>),
}

/// How two sets of spans are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// Both have spans: all of them.
    And,
    /// The spans of either.
    Or,
    /// The right one's spans that stand so to one of the left.
    Structure {
        /// How they stand.
        relation: Relation,
        /// The right one's spans that do not (`!>`).
        negated: bool,
        /// The left one's spans too (`&>`).
        both: bool,
    },
}

/// How a span on the right stands to one on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// `>`: it is a child.
    Child,
    /// `>>`: it is below.
    Descendant,
    /// `<`: it is the parent.
    Parent,
    /// `<<`: it is above.
    Ancestor,
    /// `~`: both have one parent.
    Sibling,
}

/// What is true of a span, or its value.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Value(Value),
    Field(Field),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Box<Expression>, Comparison, Box<Expression>),
    /// `=~`, or `!~` if negated; the pattern matches whole texts.
    Match {
        of: Box<Expression>,
        pattern: Regex,
        negated: bool,
    },
    Calculate(Box<Expression>, Arithmetic, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// What becomes of sets of spans.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// `| { ... }`: of each set the spans that this one has too.
    Filter(Spanset),
    /// `by(...)`: each set into one for each value.
    By(Expression),
    /// `coalesce()`: one set again.
    Coalesce,
    /// `select(...)`: fields that the answer shows.
    Select(Vec<Field>),
    /// `count() > 2`: sets of which this is true.
    Keep(Scalar, Comparison, Scalar),
}

/// A number that a set of spans has.
#[derive(Clone, Debug)]
pub(super) enum Scalar {
    Value(Value),
    Count,
    Of(Aggregate, Expression),
    Calculate(Box<Scalar>, Arithmetic, Box<Scalar>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Average,
    Maximum,
    Minimum,
    Sum,
}

impl Aggregate {
    /// As the query has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Average => "avg",
            Self::Maximum => "max",
            Self::Minimum => "min",
            Self::Sum => "sum",
        }
    }
}
