//! Calls of PostgreSQL: a query, or a series of messages up to Sync, is one call.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    postgres::{Answer, Answers, Request, Requests},
    sql::Dialect,
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    speech::Speech,
    statement::{MAX_STATEMENTS, Statement},
};

/// Series of messages whose ReadyForQuery is awaited; as many as may be in flight.
const MAX_SERIES: usize = 1024;

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Postgres {
    requests: Requests,
    answers: Answers,
    meaning: Meaning,
}

/// What the messages have meant so far.
#[derive(Debug, Default)]
struct Meaning {
    database: Option<Arc<str>>,
    statements: HashMap<Box<[u8]>, Statement>,
    /// The series that is being sent.
    open: Option<Series>,
    /// Of each ReadyForQuery to come, whether a call ends with it.
    awaited: VecDeque<bool>,
}

/// A series of messages.
#[derive(Debug, Default)]
struct Series {
    statement: Option<Statement>,
    executions: u32,
    prepares: bool,
}

impl Speech for Postgres {
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => self.requests.step(bytes, follows).map(|message| self.meaning.request(message)),
            Side::Response => self.answers.step(bytes, follows).map(|message| self.meaning.answer(message)),
        }
    }

    both_ways!(requests, answers);

    fn settle(&mut self) {
        self.answers.restart();
        self.meaning.awaited.clear();
        self.meaning.open = None;
    }

    fn requests_lost(&mut self) -> bool {
        // Whatever the rest of the series is, ReadyForQuery ends it.
        true
    }
}

impl Meaning {
    fn request(&mut self, request: Request<'_>) -> Act {
        match request {
            Request::Startup(database) => {
                self.database = Some(String::from_utf8_lossy(database).into());
                Act::Nothing
            }
            Request::Query(text) => {
                // What was not ended by a Sync is a series all the same.
                self.open = None;
                let statement = Statement::new(text, Dialect::Postgres);
                if statement.is_empty() {
                    return self.await_ready(false);
                }
                let call = self.call(&Series { statement: Some(statement), ..Series::default() });
                match self.await_ready(true) {
                    Act::Nothing => Act::Begin(Box::new(call)),
                    full => full,
                }
            }
            Request::Parse { name, text } => {
                let statement = Statement::new(text, Dialect::Postgres);
                if self.statements.len() < MAX_STATEMENTS || self.statements.contains_key(name) {
                    self.statements.insert(name.into(), statement.clone());
                }
                self.extend(|series| {
                    series.prepares = true;
                    series.statement.get_or_insert(statement);
                })
            }
            Request::Bind(name) => {
                let known = self.statements.get(name).cloned();
                self.extend(|series| {
                    if series.statement.is_none() {
                        series.statement = known;
                    }
                })
            }
            Request::Execute => self.extend(|series| series.executions += 1),
            Request::Close(name) => {
                self.statements.remove(name);
                self.extend(|_| {})
            }
            Request::Other => self.extend(|_| {}),
            Request::Sync => {
                let series = self.open.take();
                let act = self.await_ready(series.is_some());
                match series {
                    // Nothing is run: it is prepared for later.
                    Some(series) if series.prepares && series.executions == 0 && act == Act::Nothing => {
                        let call = self.call(&series);
                        Act::Revise(Box::new(Call {
                            operation: Some("PREPARE".into()),
                            summary: None,
                            ..call
                        }))
                    }
                    _ => act,
                }
            }
            Request::Silent => Act::Nothing,
        }
    }

    /// One more message of a series.
    fn extend(&mut self, change: impl FnOnce(&mut Series)) -> Act {
        let begins = self.open.is_none();
        let mut series = self.open.take().unwrap_or_default();
        change(&mut series);
        let call = Box::new(self.call(&series));
        self.open = Some(series);
        if begins { Act::Begin(call) } else { Act::Revise(call) }
    }

    fn await_ready(&mut self, ends_call: bool) -> Act {
        if self.awaited.len() >= MAX_SERIES {
            return Act::Leave;
        }
        self.awaited.push_back(ends_call);
        Act::Nothing
    }

    fn call(&self, series: &Series) -> Call {
        let call = Call { system: "postgresql", namespace: self.database.clone(), ..Call::default() };
        let batch = (series.executions > 1).then_some(series.executions);
        match &series.statement {
            Some(statement) => Call { batch, ..statement.describe(call) },
            None => Call { batch, ..call },
        }
    }

    fn answer(&mut self, answer: Answer<'_>) -> Act {
        match answer {
            Answer::Error(code) => Act::Error(code.into()),
            Answer::Complete(operation) => Act::Did(operation.into()),
            Answer::Part => Act::Answer,
            Answer::Notice => Act::Nothing,
            Answer::Ready => match self.awaited.pop_front() {
                Some(true) => Act::Done,
                // The Sync was not seen.
                None if self.open.take().is_some() => Act::Done,
                Some(false) | None => Act::Nothing,
            },
        }
    }
}
