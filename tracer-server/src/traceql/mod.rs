//! TraceQL, the query language of Tempo (docs: Tempo, "TraceQL"), without its metrics.
//!
//! A text becomes a [`Query`]; what a matching trace needs to have ([`needs`]) finds candidates in the store; each candidate
//! is looked at as a whole ([`evaluate`]).

mod ast;
mod evaluate;
mod field;
mod lexer;
mod needs;
mod operand;
mod parser;
mod search;
mod structure;
mod value;

pub use ast::Query;
pub use evaluate::{SpanSet, evaluate};
pub use field::{Field, Intrinsic};
pub use needs::needs;
pub use parser::{SyntaxError, parse, parse_field};
pub use search::{Hit, Hits, search};
pub use value::Value;

#[cfg(test)]
mod tests;
