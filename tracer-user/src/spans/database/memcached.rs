//! Calls of Memcached. What is sent in one go is one call, but for commands that nothing answers: they are calls of their own.

use std::collections::VecDeque;

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    memcached::{Answered, Command, Replies, Reply, Requests},
};

use super::{
    super::both_ways::both_ways,
    call::{Act, Call},
    speech::Speech,
};

/// Calls whose answers are awaited; as many as may be in flight.
const MAX_CALLS: usize = 1024;

/// The protocol's state.
#[derive(Debug, Default)]
pub(in crate::spans) struct Memcached {
    requests: Requests,
    replies: Replies,
    meaning: Meaning,
}

/// What the messages have meant so far.
#[derive(Debug, Default)]
struct Meaning {
    awaited: VecDeque<Awaited>,
    /// The newest call, while what it began with is being read.
    open: Option<Batch>,
    /// Commands that need not be answered, until one comes that is: they are one call with that one.
    quiet: Option<Batch>,
}

/// Answers that a call still waits for.
#[derive(Debug)]
struct Awaited {
    answers: u32,
    /// Some may be missing: there is one that is the last.
    has_last: bool,
}

/// Commands of one call.
#[derive(Debug)]
struct Batch {
    /// The command that all of them are.
    name: Option<Box<str>>,
    commands: u32,
}

impl Speech for Memcached {
    fn run_begins(&mut self) {
        self.meaning.open = None;
    }

    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => self.requests.step(bytes, follows).map(|message| self.meaning.command(&message)),
            Side::Response => self.replies.step(bytes, follows).map(|message| self.meaning.reply(message)),
        }
    }

    both_ways!(requests, replies);

    fn settle(&mut self) {
        self.replies.restart();
        self.meaning.awaited.clear();
        self.meaning.open = None;
    }

    fn requests_lost(&mut self) -> bool {
        // How many commands were sent at once, and so answers to them, is not known.
        self.meaning.open.as_ref().is_none_or(|batch| batch.commands == 1)
    }
}

impl Meaning {
    fn command(&mut self, command: &Command<'_>) -> Act {
        match (command.name, command.answered) {
            ("watch", _) => Act::Leave,
            ("quit", _) => Act::Nothing,
            (name, Answered::Never) => Act::Sent(Box::new(Batch::new(name).call())),
            (name, Answered::Perhaps) => {
                match &mut self.quiet {
                    Some(batch) => batch.add(name),
                    None => self.quiet = Some(Batch::new(name)),
                }
                Act::Nothing
            }
            (name, answered) => self.answered(name, answered == Answered::Last),
        }
    }

    fn answered(&mut self, name: &str, is_last: bool) -> Act {
        let quiet = self.quiet.take();
        let begins = self.open.is_none() || self.awaited.is_empty();
        if begins && self.awaited.len() >= MAX_CALLS {
            return Act::Leave;
        }
        let mut batch = if begins { None } else { self.open.take() };
        for added in [quiet, (!is_last).then(|| Batch::new(name))].into_iter().flatten() {
            match &mut batch {
                Some(batch) => batch.join(&added),
                None => batch = Some(added),
            }
        }
        // What only marks the end is no command beside others.
        let batch = batch.unwrap_or_else(|| Batch::new(name));
        let call = Box::new(batch.call());
        self.open = Some(batch);
        if begins {
            self.awaited.push_back(Awaited { answers: 1, has_last: is_last });
            return Act::Begin(call);
        }
        if let Some(newest) = self.awaited.back_mut() {
            newest.answers += 1;
            newest.has_last |= is_last;
        }
        Act::Revise(call)
    }

    fn reply(&mut self, reply: Reply<'_>) -> Act {
        let Some(oldest) = self.awaited.front_mut() else { return Act::Nothing };
        let is_over = match reply {
            Reply::Part | Reply::Quiet => return Act::Answer,
            Reply::Error(code) => return Act::Error(code.into()),
            Reply::Last => true,
            Reply::End => {
                oldest.answers = oldest.answers.saturating_sub(1);
                oldest.answers == 0 && !oldest.has_last
            }
        };
        if !is_over {
            return Act::Nothing;
        }
        self.awaited.pop_front();
        Act::Done
    }
}

impl Batch {
    fn new(name: &str) -> Self {
        Self { name: Some(name.into()), commands: 1 }
    }

    fn add(&mut self, name: &str) {
        self.join(&Self::new(name));
    }

    fn join(&mut self, other: &Self) {
        self.commands += other.commands;
        if self.name != other.name {
            self.name = None;
        }
    }

    /// `BATCH`, with the command that all of them are, where there are several.
    fn call(&self) -> Call {
        let operation = match (&self.name, self.commands) {
            (Some(name), 1) => (**name).into(),
            (Some(name), _) => format!("BATCH {name}").into(),
            (None, _) => "BATCH".into(),
        };
        let batch = (self.commands > 1).then_some(self.commands);
        Call { system: "memcached", operation: Some(operation), batch, ..Call::default() }
    }
}
