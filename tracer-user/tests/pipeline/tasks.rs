//! Tasks of a runtime: the one that answers a request made its calls.

use tracer_user::spans::span::SpanKind;

use crate::scene::{OK, Scene, Thread, get};

/// A service of one thread with several requests in hand, and the calls that it makes.
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

    /// Request `at` is read, by whatever task reads from sockets.
    fn read(&mut self, at: usize) {
        self.scene.receive(self.fronts[at], self.app.running(90), get(["/a", "/b"][at]).as_bytes());
    }

    /// `task` makes a call on connection `at` and gets its answer.
    fn call(&mut self, at: usize, task: u32) {
        self.scene.send(self.backs[at], self.app.running(task), get("/call").as_bytes());
        self.scene.receive(self.backs[at], self.app.running(91), OK.as_bytes());
    }

    /// `task` answers request `at`.
    fn answer(&mut self, at: usize, task: u32) {
        self.scene.send(self.fronts[at], self.app.running(task), OK.as_bytes());
    }
}

#[test]
fn the_task_that_answers_made_its_calls() {
    let mut app = Loop::new();
    app.read(0);
    app.read(1);
    app.call(0, 2);
    app.call(1, 1);
    app.call(0, 2);
    app.answer(0, 1);
    app.answer(1, 2);
    assert_eq!(
        app.scene.outline(),
        "app < GET /a 200\n  app > GET 200 [task]\napp < GET /b 200\n  app > GET 200 [task]\n  app > GET 200 [task]\n"
    );
    assert_eq!(app.scene.settled().waiting_spans, 0);
}

/// A call that is still under way when the request is answered.
#[test]
fn a_call_may_outlive_the_answer() {
    let mut app = Loop::new();
    app.read(0);
    app.read(1);
    app.scene.send(app.backs[0], app.app.running(1), get("/call").as_bytes());
    app.answer(0, 1);
    app.scene.receive(app.backs[0], app.app, OK.as_bytes());
    app.answer(1, 2);
    assert_eq!(app.scene.outline(), "app < GET /a 200\n  app > GET 200 [task]\napp < GET /b 200\n");
}

#[test]
fn another_task_s_call_stands_alone() {
    let mut app = Loop::new();
    app.read(0);
    app.read(1);
    app.call(0, 7);
    app.answer(0, 1);
    app.answer(1, 2);
    app.scene.settled();
    let call = app.scene.span("app", SpanKind::Client);
    assert_eq!(call.parent, None);
}

/// A number that an earlier task had: what that one called before the request was read is not of this request.
#[test]
fn a_task_s_number_is_used_again() {
    let mut app = Loop::new();
    app.read(0);
    app.scene.receive(app.fronts[1], app.app.running(90), get("/b").as_bytes());
    app.call(0, 3);
    app.answer(0, 1);
    app.answer(1, 2);
    app.read(0);
    app.read(1);
    app.answer(0, 3);
    app.answer(1, 2);
    app.scene.settled();
    assert_eq!(app.scene.span("app", SpanKind::Client).parent, None);
}

/// One task answers both: it works for whoever asks, so its calls are nobody's.
#[test]
fn a_task_that_serves_several_is_not_believed() {
    let mut app = Loop::new();
    for _ in 0..2 {
        app.read(0);
        app.read(1);
        app.answer(0, 1);
        app.call(0, 1);
        app.answer(1, 1);
    }
    app.scene.settled();
    assert!(app.scene.spans().iter().all(|span| span.parent.is_none()));
}

/// The answer never comes: nothing is lost, the call is handed out by itself.
#[test]
fn a_call_whose_request_is_never_answered() {
    let mut app = Loop::new();
    app.read(0);
    app.read(1);
    app.call(0, 1);
    app.scene.wait(6_000_000_000);
    app.scene.receive(app.backs[1], app.app, b"");
    assert_eq!(app.scene.spans().iter().filter(|span| span.kind == SpanKind::Client).count(), 1);
}

/// With one request in hand only: a timer's call is not that request's.
#[test]
fn a_thread_that_runs_another_task_than_it_read_with_says_nothing() {
    let mut app = Loop::new();
    app.read(0);
    app.call(0, 7);
    app.answer(0, 1);
    app.read(0);
    app.call(1, 2);
    app.answer(0, 2);
    assert_eq!(
        app.scene.outline(),
        "app < GET /a 200\napp > GET 200\napp < GET /a 200\n  app > GET 200 [task]\n"
    );
}
