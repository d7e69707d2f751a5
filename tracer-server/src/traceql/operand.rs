//! Operators: what they mean, and how tightly they bind (Tempo, pkg/traceql/expr.y).

use super::{
    ast::{Arithmetic, Comparison, Expression, Scalar},
    value::Value,
};

/// What follows `!`: it binds more tightly than a comparison or a sum.
pub(super) const NOT: u8 = 3;

/// What follows a minus sign: products.
pub(super) const NEGATIVE: u8 = 3;

/// How tightly an operator within a span's condition binds.
pub(super) fn precedence(sign: &str) -> Option<u8> {
    match sign {
        "&&" | "||" => Some(0),
        "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~" => Some(1),
        "+" | "-" => Some(2),
        "*" | "/" | "%" => Some(3),
        "^" => Some(4),
        _ => None,
    }
}

/// What is joined by operators.
pub(super) trait Operand: Sized {
    /// The two joined; none if the operator does not join such.
    fn join(left: Self, sign: &str, right: Self) -> Option<Self>;
}

impl Operand for Expression {
    fn join(left: Self, sign: &str, right: Self) -> Option<Self> {
        let (left, right) = (Box::new(left), Box::new(right));
        Some(match sign {
            "&&" => Self::And(left, right),
            "||" => Self::Or(left, right),
            _ => match Comparison::of(sign) {
                Some(comparison) => Self::Compare(left, comparison, right),
                None => Self::Calculate(left, Arithmetic::of(sign)?, right),
            },
        })
    }
}

impl Operand for Scalar {
    fn join(left: Self, sign: &str, right: Self) -> Option<Self> {
        Some(Self::Calculate(Box::new(left), Arithmetic::of(sign)?, Box::new(right)))
    }
}

impl Comparison {
    /// The comparison that an operator is.
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Eq,
            "!=" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            _ => return None,
        })
    }

    /// Whether it holds. What is not there equals `nil` alone, and values of different types meet nothing.
    pub(super) fn holds(self, left: &Value, right: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        match (left, right) {
            (Value::Nil, Value::Nil) => return self == Self::Eq,
            (Value::Nil, _) => return false,
            (_, Value::Nil) => return self == Self::Ne,
            (Value::List(items), other) => return items.iter().any(|item| self.holds(item, other)),
            (one, Value::List(items)) => return items.iter().any(|item| self.holds(one, item)),
            _ => {}
        }
        let Some(order) = left.compare(right) else { return false };
        match self {
            Self::Eq => order == Equal,
            Self::Ne => order != Equal,
            Self::Lt => order == Less,
            Self::Le => order != Greater,
            Self::Gt => order == Greater,
            Self::Ge => order != Less,
        }
    }
}

impl Arithmetic {
    /// The calculation that an operator is.
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            "^" => Self::Power,
            _ => return None,
        })
    }

    /// The result; nil for what is no number.
    pub(super) fn of_values(self, left: &Value, right: &Value) -> Value {
        let (Some(left), Some(right)) = (left.number(), right.number()) else { return Value::Nil };
        Value::Float(self.of_numbers(left, right))
    }

    /// The result.
    pub(super) fn of_numbers(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Remainder => left % right,
            Self::Power => left.powf(right),
        }
    }
}
