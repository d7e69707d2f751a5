//! Calls of MySQL and MariaDB: a command is one call.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    mysql::{Answer, Answers, Expects, Request, Requests},
    sql::Dialect,
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    speech::Speech,
    statement::{MAX_STATEMENTS, Statement},
};

/// Commands whose answers are awaited; as many as may be in flight.
const MAX_COMMANDS: usize = 1024;
/// The number by which a client runs what it has just prepared, before it knows its number (MariaDB).
const NEWEST: u32 = u32::MAX;

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Mysql {
    requests: Requests,
    answers: Answers,
    meaning: Meaning,
}

/// What the messages have meant so far.
#[derive(Debug, Default)]
struct Meaning {
    is_mariadb: bool,
    database: Option<Arc<str>>,
    statements: HashMap<u32, Statement>,
    newest: Option<Statement>,
    /// Commands that are not answered yet, the oldest first.
    awaited: VecDeque<Awaited>,
}

/// A command without its answer.
#[derive(Debug)]
struct Awaited {
    expects: Expects,
    /// A call ends with the answer.
    is_call: bool,
    /// What is prepared.
    statement: Option<Statement>,
    /// The database from then on, if all goes well.
    database: Option<Arc<str>>,
    failed: bool,
}

impl Awaited {
    fn call(expects: Expects) -> Self {
        Self { expects, is_call: true, statement: None, database: None, failed: false }
    }
}

impl Speech for Mysql {
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => self.requests.step(bytes, follows).map(|message| self.meaning.request(message)),
            Side::Response => {
                let expects = self.meaning.awaited.front().map(|awaited| awaited.expects);
                self.answers.step(bytes, follows, expects).map(|message| self.meaning.answer(message))
            }
        }
    }

    both_ways!(requests, answers);

    fn settle(&mut self) {
        self.answers.restart();
        self.meaning.awaited.clear();
    }

    fn requests_lost(&mut self) -> bool {
        // A client that sends commands ahead may have sent some that were not seen.
        self.meaning.awaited.len() <= 1
    }
}

impl Meaning {
    fn request(&mut self, request: Request<'_>) -> Act {
        match request {
            Request::Login(login) => {
                if login.compressed {
                    return Act::Decline;
                }
                self.database = name(login.database);
                Act::Nothing
            }
            Request::Query(text) => {
                let statement = Statement::new(text, Dialect::Mysql);
                let call = statement.describe(self.call());
                let database = if call.operation.as_deref() == Some("USE") { used(text) } else { None };
                self.begin(call, Awaited { database, ..Awaited::call(Expects::Results) })
            }
            Request::Prepare(text) => {
                let statement = Statement::new(text, Dialect::Mysql);
                let call = statement.describe(self.call());
                let call = Call { operation: Some("PREPARE".into()), summary: None, ..call };
                self.newest = Some(statement.clone());
                self.begin(call, Awaited { statement: Some(statement), ..Awaited::call(Expects::Prepared) })
            }
            Request::Execute(id) => self.begin(self.prepared(id, "EXECUTE"), Awaited::call(Expects::Results)),
            Request::Fetch(id) => self.begin(self.prepared(id, "FETCH"), Awaited::call(Expects::Rows)),
            Request::Close(id) => {
                self.statements.remove(&id);
                Act::Nothing
            }
            Request::UseDatabase(database) => {
                let call = Call { operation: Some("USE".into()), ..self.call() };
                self.begin(call, Awaited { database: name(database), ..Awaited::call(Expects::Results) })
            }
            Request::Fields => self.other("LIST FIELDS", Expects::Rows),
            Request::Statistics => self.other("STATISTICS", Expects::Text),
            Request::Other(operation) => self.other(operation, Expects::Results),
            Request::ChangeUser => {
                // Its database is not read.
                self.database = None;
                self.statements.clear();
                self.wait(Awaited { is_call: false, ..Awaited::call(Expects::Login) }, Act::Nothing)
            }
            Request::Silent => Act::Nothing,
            Request::Replication => Act::Leave,
        }
    }

    fn call(&self) -> Call {
        let system = if self.is_mariadb { "mariadb" } else { "mysql" };
        Call { system, namespace: self.database.clone(), ..Call::default() }
    }

    /// A call of a prepared statement; of one from before the tracer, only what is done with it is known.
    fn prepared(&self, id: u32, otherwise: &'static str) -> Call {
        let known = if id == NEWEST { self.newest.as_ref() } else { self.statements.get(&id) };
        match known {
            Some(statement) => statement.describe(self.call()),
            None => Call { operation: Some(otherwise.into()), ..self.call() },
        }
    }

    fn other(&mut self, operation: &'static str, expects: Expects) -> Act {
        let call = Call { operation: Some(operation.into()), ..self.call() };
        self.begin(call, Awaited::call(expects))
    }

    fn begin(&mut self, call: Call, awaited: Awaited) -> Act {
        self.wait(awaited, Act::Begin(Box::new(call)))
    }

    fn wait(&mut self, awaited: Awaited, act: Act) -> Act {
        if self.awaited.len() >= MAX_COMMANDS {
            return Act::Leave;
        }
        self.awaited.push_back(awaited);
        act
    }

    fn answer(&mut self, answer: Answer) -> Act {
        if let Answer::Greeting { is_mariadb } = answer {
            self.is_mariadb = is_mariadb;
            return Act::Nothing;
        }
        let Some(oldest) = self.awaited.front_mut() else { return Act::Nothing };
        let act = match answer {
            Answer::Begin | Answer::Greeting { .. } => Act::Answer,
            Answer::Prepared(id) => {
                if let Some(statement) = oldest.statement.take()
                    && (self.statements.len() < MAX_STATEMENTS || self.statements.contains_key(&id))
                {
                    self.statements.insert(id, statement);
                }
                Act::Answer
            }
            Answer::Error(code) => {
                oldest.failed = true;
                Act::Error(code.to_string().into())
            }
            Answer::End => {
                if let Some(database) = oldest.database.take()
                    && !oldest.failed
                {
                    self.database = Some(database);
                }
                Act::Done
            }
        };
        let is_call = oldest.is_call;
        if answer == Answer::End {
            self.awaited.pop_front();
        }
        if is_call { act } else { Act::Nothing }
    }
}

fn name(bytes: &[u8]) -> Option<Arc<str>> {
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into())
}

/// The database that a statement `USE shop` makes the default.
fn used(statement: &[u8]) -> Option<Arc<str>> {
    let text = String::from_utf8_lossy(statement);
    let word = text.split_whitespace().nth(1)?.trim_end_matches(';');
    let word = word.strip_prefix('`').and_then(|word| word.strip_suffix('`')).unwrap_or(word);
    name(word.as_bytes())
}
