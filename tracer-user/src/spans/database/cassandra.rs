//! Calls of Cassandra: a request about data is one call. Answers name their requests and come in any order.

use std::{collections::HashMap, sync::Arc};

use tracer_protocols::{
    cassandra::{Answer, Answers, Asks, Outcome, Request, Requests},
    contract::{Follows, Gap, Side, Step},
    sql::Dialect,
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    speech::Speech,
    statement::{MAX_STATEMENTS, Statement},
};

/// Statements that are being prepared at a time.
const MAX_PREPARING: usize = 64;

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Cassandra {
    requests: Requests,
    answers: Answers,
    meaning: Meaning,
}

/// What the messages have meant so far.
#[derive(Debug, Default)]
struct Meaning {
    keyspace: Option<Arc<str>>,
    /// Prepared statements by their ids.
    statements: HashMap<Box<[u8]>, Statement>,
    /// Those whose id is not known yet, by the number of the request.
    preparing: HashMap<u16, Statement>,
    /// The number of what the answer at hand is for.
    answered: u16,
}

impl Speech for Cassandra {
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => self.requests.step(bytes, follows).map(|message| self.meaning.request(&message)),
            Side::Response => self.answers.step(bytes, follows).map(|message| self.meaning.answer(&message)),
        }
    }

    both_ways!(requests, answers);

    fn answers(&self) -> Option<u32> {
        Some(self.meaning.answered.into())
    }

    fn settle(&mut self) {
        self.answers.restart();
        self.meaning.preparing.clear();
    }

    fn requests_lost(&mut self) -> bool {
        // Every answer names its request.
        true
    }
}

impl Meaning {
    fn request(&mut self, request: &Request<'_>) -> Act {
        let call = Call {
            number: request.stream.into(),
            system: "cassandra",
            namespace: self.keyspace.clone(),
            ..Call::default()
        };
        let named = |operation: &str, call: Call| Call { operation: Some(operation.into()), ..call };
        let call = match request.asks {
            Asks::Startup { compressed: true } => return Act::Decline,
            Asks::Startup { compressed: false } | Asks::Connection => return Act::Nothing,
            Asks::Query(text) => Statement::new(text, Dialect::Cassandra).describe(call),
            Asks::Prepare(text) => {
                let statement = Statement::new(text, Dialect::Cassandra);
                let call = Call { summary: None, ..named("PREPARE", statement.describe(call)) };
                if self.preparing.len() < MAX_PREPARING {
                    self.preparing.insert(request.stream, statement);
                }
                call
            }
            Asks::Execute(id) => match self.statements.get(id) {
                Some(statement) => statement.describe(call),
                None => named("EXECUTE", call),
            },
            Asks::Batch { first, id, size } => {
                let first = match self.statements.get(id) {
                    Some(statement) => statement.describe(call),
                    None => Statement::new(first, Dialect::Cassandra).describe(call),
                };
                // The others may be of another kind.
                let call = Call { text: None, summary: None, ..named("BATCH", first) };
                Call { batch: (size > 1).then_some(size.into()), ..call }
            }
        };
        Act::Begin(Box::new(call))
    }

    fn answer(&mut self, answer: &Answer<'_>) -> Act {
        let &Answer::Begin { stream, outcome } = answer else { return Act::Done };
        self.answered = stream;
        let preparing = self.preparing.remove(&stream);
        match outcome {
            Outcome::Done => Act::Answer,
            Outcome::Error(code) => {
                Act::Error(code.map_or_else(String::new, |code| format!("0x{code:04x}")).into())
            }
            Outcome::Prepared(id) => {
                if let Some(statement) = preparing
                    && (self.statements.len() < MAX_STATEMENTS || self.statements.contains_key(id))
                {
                    self.statements.insert(id.into(), statement);
                }
                Act::Answer
            }
            Outcome::Keyspace(name) => {
                self.keyspace = Some(String::from_utf8_lossy(name).into());
                Act::Answer
            }
        }
    }
}
