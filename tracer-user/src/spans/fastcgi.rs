//! Requests that web servers pass on by FastCGI. A connection carries one at a time.

use tracer_protocols::{
    contract::{Follows, Gap, Side, Step},
    fastcgi::{Answer, Answers, Request, Requests},
};

use super::{
    both_ways::both_ways,
    database::{Act, Speech},
};

/// The protocol's state.
#[derive(Debug, Default)]
pub(super) struct FastCgi {
    requests: Requests,
    answers: Answers,
}

impl Speech for FastCgi {
    fn step(&mut self, side: Side, bytes: &[u8], follows: Follows) -> Step<Act> {
        match side {
            Side::Request => {
                let step = self.requests.step(bytes, follows);
                step.map(|params| Act::Ask(Box::new(Request::new(&params))))
            }
            Side::Response => self.answers.step(bytes, follows).map(|answer| match answer {
                Answer::Head { status } => Act::Status(status),
                Answer::End { refused: false } => Act::Done,
                Answer::End { refused: true } => Act::Refused,
            }),
        }
    }

    both_ways!(requests, answers);

    fn settle(&mut self) {
        self.answers.restart();
    }

    fn requests_lost(&mut self) -> bool {
        // END_REQUEST ends the one request that there is.
        true
    }
}
