//! What a database was asked, and what it said.

use std::sync::Arc;

use tracer_protocols::fastcgi;

/// A call of a database, by the semantic conventions for database client spans 1.44.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The number by which its answer names it, in protocols whose answers do ([`super::speech::Speech::answers`]).
    pub(in crate::spans) number: u32,
    /// `db.system.name`
    pub system: &'static str,
    /// `db.namespace`
    pub namespace: Option<Arc<str>>,
    /// `db.collection.name`
    pub collection: Option<Arc<str>>,
    /// `db.operation.name`
    pub operation: Option<Arc<str>>,
    /// `db.query.text`, without literals.
    pub text: Option<Arc<str>>,
    /// `db.query.summary`
    pub summary: Option<Arc<str>>,
    /// `db.operation.batch.size`, where it is more than one.
    pub batch: Option<u32>,
    /// Code of the first error, `db.response.status_code`; empty where an error has none.
    pub error: Option<Box<str>>,
}

/// What a message means for the call that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::spans) enum Act {
    /// Nothing.
    Nothing,
    /// A call begins.
    Begin(Box<Call>),
    /// A request begins that a web server passes on.
    Ask(Box<fastcgi::Request>),
    /// More is known of the newest call.
    Revise(Box<Call>),
    /// The oldest call is being answered.
    Answer,
    /// The oldest request is being answered, with this status; `None` where that is not known.
    Status(Option<u16>),
    /// The oldest request is over: it was not looked at.
    Refused,
    /// The oldest call failed, for a reason by its code. It is not over yet.
    Error(Box<str>),
    /// The oldest call did this: known from its answer where the request did not tell.
    Did(Box<str>),
    /// The oldest call is over.
    Done,
    /// What follows on the connection are no calls.
    Leave,
    /// What follows on the connection are calls in a form that is not read.
    Decline,
    /// A call was sent that nobody answers.
    Sent(Box<Call>),
}
