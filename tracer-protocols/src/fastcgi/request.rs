//! The web server's direction.

use super::{
    limits::MAX_PARAMS,
    params::Params,
    record::{BODY, Front, HEADER, Record, kind, read},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// What the front of a direction looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// A request.
    Request,
    /// Too short to tell.
    NeedMore,
    /// Nothing of the kind.
    No,
}

/// Whether `bytes` begin with a request.
pub fn detect(bytes: &[u8]) -> Detection {
    match read(bytes) {
        Front::Record(record) if is_begin(record) => Detection::Request,
        Front::Short if bytes.get(1).is_none_or(|&kind| kind == kind::BEGIN_REQUEST) => Detection::NeedMore,
        Front::Record(_) | Front::Short | Front::No => Detection::No,
    }
}

fn is_begin(record: Record) -> bool {
    record.kind == kind::BEGIN_REQUEST && record.content == BODY
}

/// The parser of the web server's direction. Its messages are the parameters with which requests begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests {
    place: Place,
}

impl Requests {
    /// See [`crate::contract`].
    pub fn step<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Params<'a>> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        match read(bytes) {
            Front::Short if follows == Follows::Maybe => Step::NeedMore,
            Front::Short => self.place.refuse(Reason::CutTooEarly),
            Front::Record(record) if is_begin(record) => self.begin(bytes, record, follows),
            Front::Record(record)
                if matches!(
                    record.kind,
                    kind::ABORT_REQUEST | kind::PARAMS | kind::STDIN | kind::DATA | kind::GET_VALUES
                ) =>
            {
                self.place.skip(record.whole());
                Step::Skip(record.whole())
            }
            Front::Record(_) | Front::No => self.place.refuse(Reason::NotAMessage),
        }
    }

    /// A request begins. What it asks for is in the record behind.
    fn begin<'a>(&mut self, bytes: &'a [u8], begin: Record, follows: Follows) -> Step<Params<'a>> {
        let behind = begin.whole() as usize;
        let (rest, cut) = (bytes.get(behind..).unwrap_or_default(), follows == Follows::Gap);
        let record = match read(rest) {
            Front::Record(record) if record.kind == kind::PARAMS && record.request == begin.request => record,
            Front::Short if !cut => return Step::NeedMore,
            Front::Short => {
                return Step::Message { message: Params::new(&[], false), consumed: bytes.len() };
            }
            Front::Record(_) | Front::No => {
                return Step::Message { message: Params::new(&[], true), consumed: behind };
            }
        };
        let params = &rest[HEADER..];
        let wanted = record.content.min(MAX_PARAMS);
        if params.len() < wanted && !cut {
            return Step::NeedMore;
        }
        let params = &params[..params.len().min(wanted)];
        self.place.skip((record.size() - params.len()) as u64);
        Step::Message {
            message: Params::new(params, params.len() == record.content),
            consumed: behind + HEADER + params.len(),
        }
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`].
    pub fn gap(&mut self, n: u64) -> Gap {
        self.place.gap(n)
    }

    /// Goes on where `bytes` begin with a request.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        (detect(bytes) == Detection::Request).then(|| {
            self.place.found();
            0
        })
    }
}
