//! Calls of MongoDB: a command is one call.

use std::sync::Arc;

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    mongodb::{self, Answer, Answers, Body, Command, Outcome, Request, Requests},
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    compressed,
    speech::Speech,
};

/// How drivers begin, and look after their servers.
const NO_CALLS: [&str; 7] =
    ["hello", "isMaster", "ismaster", "saslStart", "saslContinue", "authenticate", "getnonce"];

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Mongodb {
    requests: Requests,
    answers: Answers,
    /// The number of what the answer at hand is for.
    answered: u32,
}

impl Speech for Mongodb {
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => self.requests.step(bytes, follows).map(|message| request(&message)),
            Side::Response => {
                let answered = &mut self.answered;
                self.answers.step(bytes, follows).map(|message| answer(answered, message))
            }
        }
    }

    both_ways!(requests, answers);

    fn answers(&self) -> Option<u32> {
        Some(self.answered)
    }

    fn settle(&mut self) {
        self.answers.restart();
    }

    fn requests_lost(&mut self) -> bool {
        // Every answer names its request.
        true
    }
}

fn request(request: &Request<'_>) -> Act {
    match request.body {
        Body::Plain(command) => begin(request.id, &command),
        Body::Compressed(compressor, bytes) => {
            begin(request.id, &mongodb::command(&compressed::front(compressor, bytes)))
        }
        Body::Unknown => begin(request.id, &Command::default()),
    }
}

fn begin(number: u32, command: &Command<'_>) -> Act {
    if NO_CALLS.contains(&command.name) {
        return Act::Nothing;
    }
    let known = |text: &str| (!text.is_empty()).then(|| Arc::from(text));
    let call = Box::new(Call {
        number,
        system: "mongodb",
        namespace: known(command.database),
        collection: known(command.collection),
        operation: known(command.name),
        ..Call::default()
    });
    if command.is_silent { Act::Sent(call) } else { Act::Begin(call) }
}

fn answer(answered: &mut u32, answer: Answer<'_>) -> Act {
    let Answer::Begin { to, body } = answer else { return Act::Done };
    *answered = to;
    let outcome = match body {
        Body::Plain(outcome) => outcome,
        Body::Compressed(compressor, bytes) => mongodb::outcome(&compressed::front(compressor, bytes)),
        Body::Unknown => Outcome::default(),
    };
    match outcome.error {
        Some(0) => Act::Error(Box::default()),
        Some(code) => Act::Error(code.to_string().into()),
        None => Act::Answer,
    }
}
