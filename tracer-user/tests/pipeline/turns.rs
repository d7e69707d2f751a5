//! Turns of an event loop: a call belongs to the request that began its turn, if the answer to it began the turn of the
//! request's answer.

use tracer_user::spans::span::SpanKind;

use crate::{
    frames::{self, PREFACE, frame},
    http2::{STATUS_200, WHOLE},
    scene::{OK, Scene, Thread, get},
};

/// An event loop with several requests in hand, and the calls that it makes.
struct Loop {
    scene: Scene,
    app: Thread,
    fronts: [usize; 2],
    backs: [usize; 2],
}

impl Loop {
    fn new() -> Self {
        let mut scene = Scene::new();
        let app = scene.process(200, "app");
        let fronts = [scene.called_from_elsewhere(8000), scene.called_from_elsewhere(8000)];
        let backs = [scene.remote(5000), scene.remote(5000)];
        Self { scene, app, fronts, backs }
    }

    /// Request `at` is read, which begins a turn.
    fn read(&mut self, at: usize, turn: u32) {
        self.scene.receive(self.fronts[at], self.app.turning(turn), get(["/a", "/b"][at]).as_bytes());
    }

    /// A call is made on connection `at`.
    fn call(&mut self, at: usize, turn: u32) {
        self.scene.send(self.backs[at], self.app.turning(turn), get("/call").as_bytes());
    }

    /// Its answer is read, which begins a turn.
    fn called(&mut self, at: usize, turn: u32) {
        self.scene.receive(self.backs[at], self.app.turning(turn), OK.as_bytes());
    }

    /// Request `at` is answered.
    fn answer(&mut self, at: usize, turn: u32) {
        self.scene.send(self.fronts[at], self.app.turning(turn), OK.as_bytes());
    }

    /// Nothing waits any longer; the calls and whether they have parents.
    fn linked(&mut self) -> Vec<bool> {
        assert_eq!(self.scene.settled().waiting_spans, 0);
        let calls = self.scene.spans().iter().filter(|span| span.kind == SpanKind::Client);
        calls.map(|span| span.parent.is_some()).collect()
    }
}

#[test]
fn two_requests_at_once_each_with_its_call() {
    let mut app = Loop::new();
    app.read(0, 1);
    app.call(0, 1);
    app.read(1, 2);
    app.call(1, 2);
    app.called(1, 3);
    app.answer(1, 3);
    app.called(0, 4);
    app.answer(0, 4);
    assert_eq!(
        app.scene.outline(),
        "app < GET /a 200\n  app > GET 200 [turn]\napp < GET /b 200\n  app > GET 200 [turn]\n"
    );
    assert_eq!(app.scene.settled().waiting_spans, 0);
}

#[test]
fn calls_in_sequence_are_a_chain() {
    let mut app = Loop::new();
    app.read(0, 1);
    app.call(0, 1);
    app.read(1, 2);
    app.answer(1, 2);
    app.called(0, 3);
    app.call(1, 3);
    app.called(1, 4);
    app.answer(0, 4);
    assert_eq!(
        app.scene.outline(),
        "app < GET /a 200\n  app > GET 200 [turn]\n  app > GET 200 [turn]\napp < GET /b 200\n"
    );
}

/// The answer to the call leads to another request than the turn in which it was made: a timer of that one ran out then.
#[test]
fn a_timer_s_call_is_nobody_s() {
    let mut app = Loop::new();
    app.read(1, 1);
    app.read(0, 2);
    app.call(0, 2);
    app.called(0, 3);
    app.answer(1, 3);
    app.answer(0, 4);
    assert_eq!(app.linked(), [false]);
}

/// As above, and what follows from the call is nobody's either.
#[test]
fn a_chain_is_as_good_as_its_first_link() {
    let mut app = Loop::new();
    app.read(1, 1);
    app.read(0, 2);
    app.call(0, 2);
    app.called(0, 3);
    app.answer(1, 3);
    app.call(1, 3);
    app.called(1, 4);
    app.answer(0, 4);
    assert_eq!(app.linked(), [false, false]);
}

/// One request at a time is no proof: a background task's call is made while it is in hand.
#[test]
fn a_call_that_the_answer_does_not_wait_for_is_nobody_s() {
    let mut app = Loop::new();
    app.read(0, 1);
    app.call(0, 1);
    app.called(0, 2);
    app.answer(0, 3);
    app.read(0, 4);
    app.call(1, 4);
    app.answer(0, 4);
    app.called(1, 5);
    assert_eq!(app.linked(), [false, false]);
}

/// Two threads: what one reads does not begin turns of the other.
#[test]
fn turns_of_another_thread_say_nothing() {
    let mut app = Loop::new();
    let other = app.app.sibling(1);
    app.read(0, 1);
    app.scene.send(app.backs[0], other.turning(1), get("/call").as_bytes());
    app.scene.receive(app.backs[0], other.turning(2), OK.as_bytes());
    app.answer(0, 2);
    assert_eq!(app.linked(), [false]);
}

/// The request's body comes in further turns, and the answer of the call in several.
#[test]
fn a_turn_may_begin_in_the_middle_of_a_message() {
    let mut app = Loop::new();
    let post = b"POST /a HTTP/1.1\r\nHost: app\r\nContent-Length: 6\r\n\r\nabc";
    app.scene.receive(app.fronts[0], app.app.turning(1), post);
    app.read(1, 2);
    app.scene.receive(app.fronts[0], app.app.turning(3), b"def");
    app.call(0, 3);
    app.answer(1, 3);
    app.scene.receive(app.backs[0], app.app.turning(4), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    app.answer(0, 4);
    app.scene.receive(app.backs[0], app.app.turning(5), b"k");
    assert_eq!(app.scene.outline(), "app < POST /a 200\n  app > GET 200 [turn]\napp < GET /b 200\n");
}

/// The answer never comes: nothing is lost, the call is handed out by itself.
#[test]
fn a_call_whose_request_is_never_answered() {
    let mut app = Loop::new();
    app.read(0, 1);
    app.call(0, 1);
    app.called(0, 2);
    app.scene.wait(6_000_000_000);
    app.scene.receive(app.backs[1], app.app, b"");
    assert_eq!(app.scene.spans().iter().filter(|span| span.kind == SpanKind::Client).count(), 1);
}

/// An event loop that serves two streams of one HTTP/2 connection, and asks over HTTP/1 or HTTP/2.
struct Streams {
    app: Loop,
}

/// The streams.
const STREAMS: [u32; 2] = [1, 3];

impl Streams {
    fn new() -> Self {
        let mut app = Loop::new();
        app.scene.receive(app.fronts[0], app.app.turning(100), PREFACE);
        Self { app }
    }

    /// The frames of requests or answers on both streams.
    fn both(block: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
        STREAMS.into_iter().flat_map(|stream| frame(1, WHOLE, stream, &block(stream))).collect()
    }

    fn read(&mut self, at: usize, turn: u32) {
        let request = frame(1, WHOLE, STREAMS[at], &frames::get(["/a", "/b"][at]));
        self.app.scene.receive(self.app.fronts[0], self.app.app.turning(turn), &request);
    }

    fn answer(&mut self, at: usize, turn: u32) {
        let answer = frame(1, WHOLE, STREAMS[at], STATUS_200);
        self.app.scene.send(self.app.fronts[0], self.app.app.turning(turn), &answer);
    }
}

const BOTH_LINKED: &str =
    "app < GET /a 200\n  app > GET 200 [turn]\napp < GET /b 200\n  app > GET 200 [turn]\n";

#[test]
fn two_streams_at_once_each_with_its_call() {
    let mut front = Streams::new();
    front.read(0, 1);
    front.app.call(0, 1);
    front.read(1, 2);
    front.app.call(1, 2);
    front.app.called(1, 3);
    front.answer(1, 3);
    front.app.called(0, 4);
    front.answer(0, 4);
    assert_eq!(front.app.scene.outline(), BOTH_LINKED);
}

/// Whose the calls are that follow, nothing tells.
#[test]
fn two_streams_that_are_read_at_once_have_no_turn() {
    let mut front = Streams::new();
    let requests = Streams::both(|stream| frames::get(if stream == 1 { "/a" } else { "/b" }));
    front.app.scene.receive(front.app.fronts[0], front.app.app.turning(1), &requests);
    front.app.call(0, 1);
    front.app.call(1, 1);
    front.app.called(1, 2);
    front.answer(1, 2);
    front.app.called(0, 3);
    front.answer(0, 3);
    assert_eq!(front.app.linked(), [false, false]);
}

/// The same of answers: calls over one HTTP/2 connection, whose answers come one by one, or at once.
#[test]
fn answers_on_one_connection() {
    for at_once in [false, true] {
        let mut app = Loop::new();
        let back = app.backs[0];
        app.scene.send(back, app.app.turning(100), PREFACE);
        for (at, stream) in STREAMS.into_iter().enumerate() {
            let turn = at as u32 + 1;
            app.read(at, turn);
            app.scene.send(back, app.app.turning(turn), &frame(1, WHOLE, stream, &frames::get("/call")));
        }
        if at_once {
            app.scene.receive(back, app.app.turning(3), &Streams::both(|_| STATUS_200.to_vec()));
            app.answer(0, 3);
            app.answer(1, 3);
            assert_eq!(app.linked(), [false, false]);
            continue;
        }
        for (at, stream) in STREAMS.into_iter().enumerate() {
            let turn = at as u32 + 3;
            app.scene.receive(back, app.app.turning(turn), &frame(1, WHOLE, stream, STATUS_200));
            app.answer(at, turn);
        }
        assert_eq!(app.scene.outline(), BOTH_LINKED);
    }
}

/// Another call of the request was answered before, and its answer did not follow: it may have waited in the connection, and been
/// written in a turn of another request.
#[test]
fn an_answer_that_may_have_waited_in_the_connection() {
    let mut front = Streams::new();
    front.read(0, 1);
    front.app.call(0, 1);
    front.app.call(1, 1);
    front.app.called(0, 2);
    front.app.called(1, 3);
    front.answer(0, 3);
    assert_eq!(front.app.linked(), [false, false]);
}

/// Requests of HTTP/1 that are pipelined into one segment.
#[test]
fn two_requests_in_one_segment_have_no_turn() {
    let mut app = Loop::new();
    let both = [get("/a"), get("/b")].concat();
    app.scene.receive(app.fronts[0], app.app.turning(1), both.as_bytes());
    app.call(0, 1);
    app.called(0, 2);
    app.answer(0, 9);
    app.answer(0, 2);
    assert_eq!(app.linked(), [false]);
}
