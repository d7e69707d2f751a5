//! Calls of Redis and Valkey. What is sent in one go is one call: a pipeline.

use std::collections::VecDeque;

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    redis::{Command, Replies, Reply, Requests},
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    speech::Speech,
};

/// Calls whose replies are counted; as many as may be in flight.
const MAX_CALLS: usize = 1024;
/// Arguments that are shown, each as `?`.
const MAX_SHOWN: u32 = 8;
/// Whose replies are no answers: the connection is a channel from then on, or its replies come when they like.
const NO_CALLS: [&str; 8] =
    ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC", "REPLCONF", "QUIT"];

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Redis {
    requests: Requests,
    replies: Replies,
    /// Replies that each call in flight still waits for.
    expected: VecDeque<u32>,
    /// The newest call, while what it began with is being read.
    batch: Option<Batch>,
}

/// What a pipeline holds so far.
#[derive(Debug)]
struct Batch {
    /// The command that all of it are, or that the first of a transaction is.
    name: Option<Box<str>>,
    transaction: bool,
    commands: u32,
}

impl Speech for Redis {
    fn run_begins(&mut self) {
        self.batch = None;
    }

    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => {
                let step = self.requests.step(bytes, follows);
                step.map(|message| command(&mut self.expected, &mut self.batch, &message))
            }
            Side::Response => self.replies.step(bytes, follows).map(|message| match message {
                Reply::Push => Act::Nothing,
                Reply::Begin => Act::Answer,
                Reply::Error(code) => Act::Error(code.into()),
                Reply::End => replied(&mut self.expected),
            }),
        }
    }

    both_ways!(requests, replies);

    fn settle(&mut self) {
        self.replies.restart();
        self.expected.clear();
        self.batch = None;
    }

    fn requests_lost(&mut self) -> bool {
        // How many commands a pipeline holds, and so replies to it, is not known.
        self.batch.as_ref().is_none_or(|batch| batch.commands == 1)
    }
}

/// A reply is over.
fn replied(expected: &mut VecDeque<u32>) -> Act {
    let Some(left) = expected.front_mut() else { return Act::Nothing };
    *left = left.saturating_sub(1);
    if *left > 0 {
        return Act::Nothing;
    }
    expected.pop_front();
    Act::Done
}

fn command(expected: &mut VecDeque<u32>, batch: &mut Option<Batch>, command: &Command<'_>) -> Act {
    let name = command.name.to_ascii_uppercase();
    let turns_replies_off = command.subcommand.is_some_and(|word| word.eq_ignore_ascii_case("REPLY"));
    if NO_CALLS.contains(&&*name) || turns_replies_off || expected.len() >= MAX_CALLS {
        return Act::Leave;
    }
    if let (Some(batch), Some(last)) = (batch.as_mut(), expected.back_mut()) {
        *last += 1;
        batch.commands += 1;
        batch.add(name);
        return Act::Revise(Box::new(batch.call()));
    }
    expected.push_back(1);
    let transaction = name == "MULTI";
    let call = single(command, &name);
    *batch = Some(Batch { name: (!transaction).then(|| name.into()), transaction, commands: 1 });
    Act::Begin(Box::new(call))
}

impl Batch {
    fn add(&mut self, name: String) {
        if self.transaction && (name == "EXEC" || name == "DISCARD") {
            return;
        }
        if self.transaction && self.commands == 2 {
            self.name = Some(name.into());
        } else if self.name.as_deref() != Some(&*name) {
            self.name = None;
        }
    }

    /// `PIPELINE`, or `MULTI` for a transaction, with the command that all of it are.
    fn call(&self) -> Call {
        let kind = if self.transaction { "MULTI" } else { "PIPELINE" };
        // The commands that frame a transaction are none of its operations.
        let framing = if self.transaction { 2 } else { 0 };
        let size = self.commands.saturating_sub(framing);
        let operation = match &self.name {
            Some(name) => format!("{kind} {name}").into(),
            None => kind.into(),
        };
        Call {
            system: "redis",
            operation: Some(operation),
            batch: (size > 1).then_some(size),
            ..Call::default()
        }
    }
}

/// A call of a command. Its arguments are data, all of them.
fn single(command: &Command<'_>, name: &str) -> Call {
    let mut text = command.name.to_owned();
    for _ in 0..command.arguments.min(MAX_SHOWN) {
        text.push_str(" ?");
    }
    if command.arguments > MAX_SHOWN {
        text.push_str(" ...");
    }
    Call { system: "redis", operation: Some(name.into()), text: Some(text.into()), ..Call::default() }
}
