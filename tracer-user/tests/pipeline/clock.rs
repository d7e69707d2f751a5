//! A wall clock that is set while requests are under way.

use crate::scene::{OK, Scene, get};

const HOUR_NS: u64 = 3_600_000_000_000;

/// Spans are measured by a clock that nobody sets: none is longer or shorter for it, none ends before it starts, and they stay one trace.
#[test]
fn a_step_of_the_clock_changes_no_duration() {
    let times = |steps: [i64; 3]| {
        let mut scene = Scene::new();
        let set = |scene: &mut Scene, hours: i64| {
            scene.wall.offset_ns = scene.wall.offset_ns.saturating_add_signed(hours * HOUR_NS as i64);
        };
        let app = scene.process(200, "app");
        let (front, back) = (scene.tcp(8000), scene.remote(5000));
        scene.receive(front.server, app, get("/a").as_bytes());
        set(&mut scene, steps[0]);
        scene.send(back, app, get("/b").as_bytes());
        set(&mut scene, steps[1]);
        scene.receive(back, app, OK.as_bytes());
        set(&mut scene, steps[2]);
        scene.send(front.server, app, OK.as_bytes());
        let spans = scene.spans();
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0].trace_id, spans[1].trace_id);
        let mut durations: Vec<_> =
            spans.iter().map(|span| (span.name.clone(), span.end_ns - span.start_ns)).collect();
        durations.sort();
        durations
    };
    let unset = times([0, 0, 0]);
    for steps in [[1, 0, 0], [-1, 0, 0], [0, -1, 1], [5, -9, 2]] {
        assert_eq!(times(steps), unset, "{steps:?}");
    }
}
