//! The state machine of one direction.
//!
//! | state | means | leaves when |
//! |---|---|---|
//! | `Head` | between messages, or in a head | the empty line, the limit, or a gap ends a head |
//! | `Body` | so many bytes of body to come | they have been passed over |
//! | `Chunks` | so many bytes until the next chunk begins | the last chunk; a bad one or a gap over a boundary: `Adrift` |
//! | `UntilClose` | a body without length | the connection ends |
//! | `Tunnel` | another protocol | never |
//! | `Ended` | the message is over, its `End` is owed | the next step |
//! | `CutHead` | a head was reported truncated, its end is not in sight | the end of the head, or as `Adrift` |
//! | `Adrift` | in a message whose end cannot be computed | a sign of its end: see `adrift` |

use super::adrift::{self, Sight};
use super::chunks::{self, Chunks};
use super::head::{self, Framing, Seen};
use super::limits::MAX_HEAD;
use super::message::{End, Message, ResponseHead};
use super::method::Method;
use super::start_line::{self, RequestLine, Start, StatusLine};
use crate::contract::{Follows, Gap, Reason, Side, Step};

/// One direction of one connection: a few words of state, no bytes.
///
/// [`crate::contract`] says how it is to be driven.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// Content bytes of the message at hand.
    body: u64,
    /// Bytes at the front that were looked at in vain and kept by the caller.
    scanned: u32,
    side: Side,
    /// The end of this message rests on a length that would not count if it answered HEAD.
    unsure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `synced`: framing led here, so that any method is believed.
    Head {
        synced: bool,
    },
    /// `doubtful`: a head here would mean that the body was left out.
    Body {
        left: u64,
        doubtful: bool,
    },
    /// `left` includes the line end behind a chunk.
    Chunks {
        left: u64,
    },
    /// `doubtful` as for `Body`.
    UntilClose {
        doubtful: bool,
    },
    Tunnel,
    Ended {
        end: End,
        next: Next,
    },
    CutHead(Framing),
    Adrift,
}

/// What comes behind a message that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The next message, right here.
    Message,
    /// The next message, somewhere.
    Lost,
    Tunnel,
}

impl Next {
    fn state(self) -> State {
        match self {
            Self::Message => State::Head { synced: true },
            Self::Lost => State::Head { synced: false },
            Self::Tunnel => State::Tunnel,
        }
    }
}

/// An end that was inferred, of a body whose length is not known.
const INFERRED: End = End { body_bytes: None, certain: false };

impl Parser {
    /// A parser for the bytes of this side, from the start of a connection or from anywhere in it.
    pub fn new(side: Side) -> Self {
        Self { state: State::Head { synced: false }, body: 0, scanned: 0, side, unsure: false }
    }

    /// Reads the front of `bytes`, which start where the last message, skip or gap ended.
    ///
    /// `answering` is, for responses, the method of the request that the next response answers, None where that is not
    /// known. It counts when a response head is recognised and is ignored for requests.
    ///
    /// An [`End`] may need no bytes: step again after a message or a skip even when none are at hand.
    pub fn step<'a>(
        &mut self,
        bytes: &'a [u8],
        follows: Follows,
        answering: Option<Method>,
    ) -> Step<Message<'a>> {
        match self.state {
            State::Ended { end, next } => {
                self.state = next.state();
                Step::Message { message: Message::End(end), consumed: 0 }
            }
            State::Body { left, doubtful: false } => Step::Skip(left),
            State::Chunks { left } if left > 0 => Step::Skip(left),
            State::UntilClose { doubtful: false } | State::Tunnel => Step::Skip(u64::MAX),
            _ if bytes.is_empty() => Step::NeedMore,
            State::Head { synced } => self.step_head(bytes, follows, answering, synced),
            State::Body { doubtful: true, .. } | State::UntilClose { doubtful: true } => {
                self.step_doubtful(bytes, follows, answering)
            }
            State::Chunks { .. } => self.step_chunks(bytes, follows),
            State::CutHead(_) | State::Adrift => self.step_adrift(bytes, follows),
        }
    }

    /// Whether a step without bytes gives a message: the [`End`] of the one before.
    #[inline]
    pub fn owes_end(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// `n` bytes were passed over after [`Step::Skip`], captured or not.
    pub fn skipped(&mut self, n: u64) {
        match self.state {
            State::Body { .. } | State::Chunks { .. } | State::UntilClose { .. } => {
                self.pass(n);
            }
            // What is passed over here belongs to no body.
            State::Head { .. } | State::Tunnel | State::Ended { .. } | State::CutHead(_) | State::Adrift => {}
        }
        self.scanned = 0;
    }

    /// The next `n` bytes are missing. Bytes that were kept after [`Step::NeedMore`] are handed in once more with
    /// [`Follows::Gap`] before this.
    pub fn gap(&mut self, n: u64) -> Gap {
        if n == 0 {
            return Gap::Inside;
        }
        self.scanned = 0;
        self.pass(n)
    }

    /// The direction has ended (FIN, close). Ends a body that runs until then (RFC 9112 section 6.3) or whose framing was
    /// lost; None between messages and in the middle of one, which the caller reports as aborted.
    pub fn connection_end(&mut self) -> Option<End> {
        let state = std::mem::replace(&mut self.state, State::Head { synced: false });
        self.scanned = 0;
        match state {
            State::Ended { end, .. } => Some(end),
            State::UntilClose { .. } => Some(End { body_bytes: Some(self.body), certain: !self.unsure }),
            // No byte of a body that may be absent: a response to HEAD, or a body that 100-continue never called for.
            State::Body { doubtful: true, .. } => Some(End { body_bytes: Some(0), certain: false }),
            State::CutHead(_) | State::Adrift => Some(INFERRED),
            State::Head { .. } | State::Body { .. } | State::Chunks { .. } | State::Tunnel => None,
        }
    }

    /// Between messages: every head that was recognised has had its end, and no part of another is at hand.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head { .. }) && self.scanned == 0
    }

    /// For the request direction: the response direction said [`upgraded`](ResponseHead::upgraded). What comes
    /// behind the request at hand is passed over.
    pub fn tunnel(&mut self) {
        self.state = match self.state {
            State::Ended { end, .. } => State::Ended { end, next: Next::Tunnel },
            State::Head { .. } | State::Tunnel => State::Tunnel,
            _ => State::Ended { end: INFERRED, next: Next::Tunnel },
        };
        self.scanned = 0;
    }

    /// After [`Step::NotThis`]: the offset of the next plausible head of this side in `bytes`, the start of a captured
    /// segment. The search is bounded. None: drop them all.
    pub fn resync(&mut self, bytes: &[u8]) -> Option<usize> {
        let at = adrift::find_head(bytes, self.side)?;
        self.state = match self.state {
            State::Head { .. } | State::Tunnel => State::Head { synced: false },
            State::Ended { end, .. } => State::Ended { end, next: Next::Lost },
            _ => State::Ended { end: INFERRED, next: Next::Lost },
        };
        self.scanned = 0;
        Some(at)
    }

    /// `n` bytes, more than none, are gone by.
    fn pass(&mut self, n: u64) -> Gap {
        let (state, gap) = match self.state {
            State::Body { left, .. } if n < left => {
                (State::Body { left: left - n, doubtful: false }, Gap::Inside)
            }
            State::Body { left, .. } => {
                let end = End { body_bytes: Some(self.body), certain: !self.unsure };
                if n == left {
                    (State::Ended { end, next: Next::Message }, Gap::Inside)
                } else {
                    (State::Ended { end, next: Next::Lost }, Gap::Lost)
                }
            }
            State::Chunks { left } if n <= left => (State::Chunks { left: left - n }, Gap::Inside),
            State::UntilClose { .. } => {
                self.body = self.body.saturating_add(n);
                (State::UntilClose { doubtful: false }, Gap::Inside)
            }
            State::Tunnel | State::Ended { next: Next::Tunnel, .. } => (self.state, Gap::Inside),
            State::Head { .. } => (State::Head { synced: false }, Gap::Lost),
            State::Ended { end, .. } => (State::Ended { end, next: Next::Lost }, Gap::Lost),
            State::CutHead(framing) => (State::CutHead(framing), Gap::Lost),
            State::Chunks { .. } | State::Adrift => (State::Adrift, Gap::Lost),
        };
        self.state = state;
        gap
    }

    fn step_head<'a>(
        &mut self,
        bytes: &'a [u8],
        follows: Follows,
        answering: Option<Method>,
        synced: bool,
    ) -> Step<Message<'a>> {
        // RFC 9112 section 2.2: empty lines before a start line are passed over.
        let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            self.scanned = 0;
            return Step::Skip(blank as u64);
        }
        let window = &bytes[..bytes.len().min(MAX_HEAD)];
        let from = (self.scanned as usize).min(window.len());
        // While no line has ended since the last look, the head has not either.
        if from == 0 || memchr::memchr(b'\n', &window[from..]).is_some() {
            let recognised = match self.side {
                Side::Request => {
                    start_line::request(window, synced).map(|line| self.request(window, &line, from))
                }
                Side::Response => {
                    start_line::response(window).map(|line| self.response(window, line, from, answering))
                }
            };
            match recognised {
                Start::Line(Some(message)) => {
                    self.scanned = 0;
                    return message;
                }
                Start::Line(None) | Start::More => {}
                Start::No => return self.refuse(Reason::NotAMessage),
            }
        }
        if follows == Follows::Maybe && bytes.len() < MAX_HEAD {
            self.scanned = window.len() as u32;
            return Step::NeedMore;
        }
        self.scanned = 0;
        match self.side {
            Side::Request => self.cut_request(window, synced),
            Side::Response => self.cut_response(window, answering),
        }
    }

    fn refuse<'a>(&mut self, reason: Reason) -> Step<Message<'a>> {
        self.state = State::Head { synced: false };
        self.scanned = 0;
        Step::NotThis(reason)
    }

    fn request<'a>(
        &mut self,
        window: &'a [u8],
        line: &RequestLine<'a>,
        from: usize,
    ) -> Option<Step<Message<'a>>> {
        let (fields, bytes) = head::fields(window, line.len, from)?;
        let framing = head::request_framing(&fields);
        self.enter(framing, fields.expects_continue);
        self.unsure = false;
        let seen = Seen { bytes, truncated: false, target_cut: false };
        let request = head::request(line, &fields, &window[line.len..bytes], seen);
        Some(Step::Message { message: Message::Request(request), consumed: bytes })
    }

    fn response<'a>(
        &mut self,
        window: &'a [u8],
        line: StatusLine,
        from: usize,
        answering: Option<Method>,
    ) -> Option<Step<Message<'a>>> {
        let (fields, bytes) = head::fields(window, line.len, from)?;
        if is_informational(line.status) {
            self.state = State::Head { synced: true };
            return Some(Step::Message { message: Message::Informational(line.status), consumed: bytes });
        }
        let framing = head::response_framing(line.status, &fields, answering, true);
        self.unsure = answering.is_none() && matches!(framing, Framing::Length(_) | Framing::UntilClose);
        self.enter(framing, self.unsure);
        let seen = Seen { bytes, truncated: false, target_cut: false };
        let response = head::response(line, &fields, framing, &window[line.len..bytes], seen);
        Some(Step::Message { message: Message::Response(response), consumed: bytes })
    }

    /// Goes from a head to its body. `doubtful`: the body may be left out in spite of its headers.
    fn enter(&mut self, framing: Framing, doubtful: bool) {
        self.body = 0;
        let ended = |next| State::Ended { end: End { body_bytes: Some(0), certain: true }, next };
        self.state = match framing {
            Framing::None => ended(Next::Message),
            Framing::Tunnel => ended(Next::Tunnel),
            Framing::Length(n) => {
                self.body = n;
                State::Body { left: n, doubtful }
            }
            Framing::Chunked => State::Chunks { left: 0 },
            Framing::UntilClose => State::UntilClose { doubtful },
            Framing::Unknown => State::Adrift,
        };
    }

    /// A request head that ends with `window` for us.
    fn cut_request<'a>(&mut self, window: &'a [u8], synced: bool) -> Step<Message<'a>> {
        let (line, target_cut) = match start_line::request(window, synced) {
            Start::Line(line) => (line, false),
            _ => match start_line::request_cut(window, synced) {
                Some(cut) => cut,
                None => return self.refuse(Reason::CutTooEarly),
            },
        };
        let headers = &window[line.len..];
        let fields = head::seen_fields(headers);
        self.cut(head::request_framing(&fields));
        let seen = Seen { bytes: window.len(), truncated: true, target_cut };
        let request = head::request(&line, &fields, headers, seen);
        Step::Message { message: Message::Request(request), consumed: window.len() }
    }

    /// A response head that ends with `window` for us.
    fn cut_response<'a>(&mut self, window: &'a [u8], answering: Option<Method>) -> Step<Message<'a>> {
        let line = match start_line::response(window) {
            Start::Line(line) => line,
            _ => match start_line::status_code(window) {
                Start::Line((version, status)) => StatusLine { version, status, len: window.len() },
                _ => return self.refuse(Reason::CutTooEarly),
            },
        };
        let consumed = window.len();
        if is_informational(line.status) {
            self.state = State::Head { synced: false };
            return Step::Message { message: Message::Informational(line.status), consumed };
        }
        let headers = &window[line.len..];
        let fields = head::seen_fields(headers);
        let framing = head::response_framing(line.status, &fields, answering, false);
        self.cut(framing);
        let seen = Seen { bytes: consumed, truncated: true, target_cut: false };
        let response: ResponseHead<'a> = head::response(line, &fields, framing, headers, seen);
        Step::Message { message: Message::Response(response), consumed }
    }

    /// Goes on from a truncated head. Its end was not seen: not even a known length says where the message ends.
    fn cut(&mut self, framing: Framing) {
        self.unsure = true;
        self.state = match framing {
            Framing::Tunnel => State::Ended { end: INFERRED, next: Next::Tunnel },
            framing => State::CutHead(framing),
        };
    }

    /// A cut head ends with the next `len` bytes. What is known of its body comes from the headers before the cut.
    fn end_cut_head<'a>(&mut self, len: usize, framing: Framing) -> Step<Message<'a>> {
        self.body = 0;
        let rest = len as u64;
        self.state = match framing {
            Framing::None => {
                self.state = State::Head { synced: false };
                return Step::Message { message: Message::End(INFERRED), consumed: len };
            }
            Framing::Length(n) => {
                self.body = n;
                State::Body { left: n.saturating_add(rest), doubtful: false }
            }
            Framing::Chunked => State::Chunks { left: rest },
            Framing::UntilClose | Framing::Tunnel | Framing::Unknown => State::Adrift,
        };
        Step::Skip(rest)
    }

    /// The headers announce a body. If the next head stands in its place, there is none.
    fn step_doubtful<'a>(
        &mut self,
        bytes: &'a [u8],
        follows: Follows,
        answering: Option<Method>,
    ) -> Step<Message<'a>> {
        match adrift::instead_of_body(bytes, self.side, follows) {
            Start::More => return Step::NeedMore,
            Start::Line(()) => {
                let end = End { body_bytes: Some(0), certain: false };
                self.state = State::Ended { end, next: Next::Message };
            }
            Start::No => match &mut self.state {
                State::Body { doubtful, .. } | State::UntilClose { doubtful } => *doubtful = false,
                _ => {}
            },
        }
        self.step(bytes, follows, answering)
    }

    /// At the beginning of a chunk.
    fn step_chunks<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Message<'a>> {
        let (end, consumed, next) = match chunks::read(bytes, self.scanned as usize) {
            Chunks::Pass { bytes, content } => {
                self.scanned = 0;
                self.body = self.body.saturating_add(content);
                self.state = State::Chunks { left: bytes };
                return Step::Skip(bytes);
            }
            Chunks::More | Chunks::MoreTrailers if follows == Follows::Maybe => {
                self.scanned = bytes.len() as u32;
                return Step::NeedMore;
            }
            Chunks::More | Chunks::Bad => {
                self.state = State::Adrift;
                return self.step_adrift(bytes, follows);
            }
            Chunks::End(consumed) => (true, consumed, Next::Message),
            // The trailers are cut: the message is over, but not where.
            Chunks::MoreTrailers => (false, bytes.len(), Next::Lost),
        };
        self.scanned = 0;
        self.state = next.state();
        let end = End { body_bytes: Some(self.body), certain: end };
        Step::Message { message: Message::End(end), consumed }
    }

    /// In a message whose end cannot be computed.
    fn step_adrift<'a>(&mut self, bytes: &'a [u8], follows: Follows) -> Step<Message<'a>> {
        self.scanned = 0;
        let cut = match self.state {
            State::CutHead(framing) => Some(framing),
            _ => None,
        };
        match adrift::look(bytes, self.side, follows, cut.is_some()) {
            Sight::Over(consumed) => {
                self.state = State::Head { synced: false };
                Step::Message { message: Message::End(INFERRED), consumed }
            }
            Sight::HeadEnd => self.end_cut_head(bytes.len(), cut.unwrap_or(Framing::Unknown)),
            Sight::Wait => Step::NeedMore,
            Sight::Nothing(n) => Step::Skip(n as u64),
        }
    }
}

/// An interim answer (RFC 9110 section 15.2). 101 is final: the other protocol answers.
fn is_informational(status: u16) -> bool {
    status < 200 && status != 101
}
