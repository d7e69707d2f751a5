//! The application's direction.

use memchr::memchr;

use super::{
    limits::MAX_HEAD,
    record::{BODY, Front, HEADER, Record, kind, read},
};
use crate::{
    contract::{Follows, Gap, Reason, Step},
    framing::Place,
};

/// What an application says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer begins.
    Head {
        /// Its status (RFC 3875, section 6.3.3); `None` where the head was cut and what is there of it does not say.
        status: Option<u16>,
    },
    /// The answer is over.
    End {
        /// The application refused the request: `protocolStatus` is not `FCGI_REQUEST_COMPLETE`.
        refused: bool,
    },
}

/// The parser of the application's direction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    place: Place,
    /// The answer at hand has begun.
    begun: bool,
    /// The header of the next record was not seen, and what comes is its body.
    headless: bool,
}

impl Answers {
    /// See [`crate::contract`].
    pub fn step(&mut self, bytes: &[u8], follows: Follows) -> Step<Answer> {
        if let Some(step) = self.place.before(bytes) {
            return step;
        }
        if self.headless {
            return self.body(bytes, follows);
        }
        match read(bytes) {
            Front::Short if follows == Follows::Maybe => Step::NeedMore,
            Front::Short => self.refuse(Reason::CutTooEarly),
            Front::Record(record) if record.kind == kind::END_REQUEST && record.content == BODY => {
                self.end(bytes, record, follows)
            }
            Front::Record(record) if record.kind == kind::STDOUT && record.content > 0 && !self.begun => {
                self.head(bytes, record, follows)
            }
            Front::Record(record)
                if matches!(
                    record.kind,
                    kind::STDOUT | kind::STDERR | kind::GET_VALUES_RESULT | kind::UNKNOWN_TYPE
                ) =>
            {
                self.place.skip(record.whole());
                Step::Skip(record.whole())
            }
            Front::Record(_) | Front::No => self.refuse(Reason::NotAMessage),
        }
    }

    fn head(&mut self, bytes: &[u8], record: Record, follows: Follows) -> Step<Answer> {
        let content = &bytes[HEADER..];
        let content = &content[..content.len().min(record.content).min(MAX_HEAD)];
        let all = content.len() == record.content || follows == Follows::Gap || content.len() == MAX_HEAD;
        let status = match status(content) {
            Status::Open if !all => return Step::NeedMore,
            Status::Open => None,
            Status::Is(status) => Some(status),
        };
        self.begun = true;
        self.place.skip((record.size() - content.len()) as u64);
        Step::Message { message: Answer::Head { status }, consumed: HEADER + content.len() }
    }

    fn end(&mut self, bytes: &[u8], record: Record, follows: Follows) -> Step<Answer> {
        if !self.begun {
            return self.says_nothing();
        }
        let body = &bytes[HEADER..];
        if body.len() < BODY && follows == Follows::Maybe {
            return Step::NeedMore;
        }
        let body = &body[..body.len().min(BODY)];
        self.over();
        self.place.skip((record.size() - body.len()) as u64);
        Step::Message { message: end(body), consumed: HEADER + body.len() }
    }

    /// What may be the body of `END_REQUEST`: nothing else that is so short has these zeros.
    fn body(&mut self, bytes: &[u8], follows: Follows) -> Step<Answer> {
        match *bytes {
            [0, 0, 0, _, 0..=3, 0, 0, 0, ..] if !self.begun => self.says_nothing(),
            [0, 0, 0, _, 0..=3, 0, 0, 0, ..] => {
                self.over();
                Step::Message { message: end(&bytes[..BODY]), consumed: BODY }
            }
            _ if bytes.len() < BODY && follows == Follows::Maybe => Step::NeedMore,
            _ => self.refuse(Reason::NotAMessage),
        }
    }

    /// An answer that is over before anything was said begins all the same.
    fn says_nothing(&mut self) -> Step<Answer> {
        self.begun = true;
        Step::Message { message: Answer::Head { status: None }, consumed: 0 }
    }

    fn refuse(&mut self, reason: Reason) -> Step<Answer> {
        self.over();
        self.place.refuse(reason)
    }

    fn over(&mut self) {
        (self.begun, self.headless) = (false, false);
    }

    /// See [`crate::contract`].
    pub fn skipped(&mut self, n: u64) {
        self.place.skipped(n);
    }

    /// See [`crate::contract`]. Of a segment that was cut, the last eight bytes are seen: where the answer ends with it, the body of
    /// `END_REQUEST`, whose header is the end of the gap.
    pub fn gap(&mut self, n: u64) -> Gap {
        let known = !self.place.is_adrift() && !self.headless;
        if known && n == self.place.to_skip().unwrap_or(0) + HEADER as u64 {
            self.place.found();
            self.headless = true;
            return Gap::Inside;
        }
        if std::mem::take(&mut self.headless) {
            self.place.lose();
        }
        self.place.gap(n)
    }

    /// Goes on where `bytes` end in `END_REQUEST`.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let at = bytes.len().checked_sub(HEADER + BODY)?;
        match read(&bytes[at..]) {
            Front::Record(record)
                if record.kind == kind::END_REQUEST && record.content == BODY && record.padding == 0 =>
            {
                self.restart();
                Some(at)
            }
            Front::Record(_) | Front::Short | Front::No => None,
        }
    }

    /// What comes next begins an answer: a request was sent when everything before it was answered.
    pub fn restart(&mut self) {
        self.over();
        self.place.found();
    }
}

/// The body of `END_REQUEST`: four bytes of exit status, one of protocol status (section 5.5).
fn end(body: &[u8]) -> Answer {
    Answer::End { refused: body.get(4).is_some_and(|&status| status != 0) }
}

enum Status {
    Is(u16),
    /// The head goes on.
    Open,
}

/// The status that the head of an answer says (RFC 3875, section 6): that of the `Status` field; without one, 302 where `Location` stands, and else 200.
fn status(mut head: &[u8]) -> Status {
    let mut without = 200;
    while let Some(end) = memchr(b'\n', head) {
        let line = head[..end].trim_ascii();
        head = &head[end + 1..];
        if line.is_empty() {
            return Status::Is(without);
        }
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"Status") {
            let digits = value.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(status) = digits.and_then(|digits| digits.parse().ok()) {
                return Status::Is(status);
            }
        } else if name.eq_ignore_ascii_case(b"Location") {
            without = 302;
        }
    }
    Status::Open
}
