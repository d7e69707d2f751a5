use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{
    alerts::series::{Call, Series, Subject},
    spans::TraceId,
};

const STEP_NS: u64 = 300_000_000_000;
const DAY: u64 = 288;

fn anomaly(of: Measure) -> Anomaly {
    Anomaly { of, step: five_minutes(), season: a_day(), sensitivity: six() }
}

/// A synthetic service: traffic with a daily season and noise, 1 % errors, durations around 20 ms.
struct Service {
    rng: StdRng,
    series: Series,
    step: u64,
}

impl Service {
    fn new(seed: u64) -> Self {
        let series = Series::new(STEP_NS, anomaly(Measure::Rate).keep_ns());
        Self { rng: StdRng::seed_from_u64(seed), series, step: 10_000 * DAY }
    }

    /// One more step, with so many times the usual calls, errors and durations.
    fn step(&mut self, calls: f64, errors: f64, duration: f64) {
        let phase = (self.step % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let usual = 60.0 + 40.0 * phase.sin();
        // A sum of many coin tosses: the noise of independent calls.
        let count = (0..(usual * 2.0 * calls) as usize).filter(|_| self.rng.random_bool(0.5)).count();
        for _ in 0..count {
            let spread: f64 = self.rng.random_range(-1.0..1.0);
            let call = Call {
                end_ns: self.step * STEP_NS + 1,
                duration_ns: (20e6 * duration * spread.exp()) as u64,
                is_bad: self.rng.random_bool((0.01 * errors).min(1.0)),
                weight: 1.0,
                trace_id: TraceId([7; 16]),
            };
            self.series.add(&Subject { service: "shop".to_owned(), operation: None }, &call);
        }
        self.step += 1;
    }

    fn judge(&self, of: Measure) -> Option<Breach> {
        let at = Moment { now_ns: self.step * STEP_NS, since_ns: 0, step_ns: STEP_NS };
        judge(&anomaly(of), self.series.iter().next()?.1, at)
    }
}

const ALL: [Measure; 3] = [Measure::Rate, Measure::ErrorRatio, Measure::Latency];

#[test]
fn noise_and_seasons_raise_no_alert() {
    let (mut judged, mut raised) = (0, 0);
    for seed in 0..2 {
        let mut service = Service::new(seed);
        for step in 0..3 * DAY {
            service.step(1.0, 1.0, 1.0);
            // Every twentieth is enough to see all phases of a day.
            if step % 20 == 0 && step as usize > HISTORY {
                judged += ALL.len();
                raised += ALL.iter().filter(|of| service.judge(**of).is_some()).count();
            }
        }
    }
    assert!(judged > 200, "{judged}");
    assert_eq!(raised, 0, "of {judged}");
}

#[test]
fn what_changes_is_found_and_named() {
    for (seed, (of, calls, errors, duration)) in (10..).zip([
        (Measure::Rate, 0.1, 1.0, 1.0),
        (Measure::Rate, 4.0, 1.0, 1.0),
        (Measure::ErrorRatio, 1.0, 30.0, 1.0),
        (Measure::Latency, 1.0, 1.0, 4.0),
    ]) {
        let mut service = Service::new(seed);
        (0..3 * DAY).for_each(|_| service.step(1.0, 1.0, 1.0));
        // One step alone is not enough.
        service.step(calls, errors, duration);
        assert_eq!(service.judge(of), None, "{of:?}");
        service.step(calls, errors, duration);
        assert!(service.judge(of).is_some(), "{of:?} {calls} {errors} {duration}");
        for other in ALL.into_iter().filter(|other| *other != of) {
            assert_eq!(service.judge(other), None, "{of:?} {other:?}");
        }
    }
}

#[test]
fn too_short_a_past_says_nothing() {
    let mut service = Service::new(1);
    (0..HISTORY).for_each(|_| service.step(1.0, 1.0, 1.0));
    service.step(9.0, 40.0, 9.0);
    assert!(ALL.into_iter().all(|of| service.judge(of).is_none()));
    service.step(9.0, 40.0, 9.0);
    assert!(ALL.into_iter().all(|of| service.judge(of).is_some()));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let check = |season: u64, sensitivity| {
        Anomaly {
            season: Time(std::time::Duration::from_secs(season)),
            sensitivity,
            ..anomaly(Measure::Rate)
        }
        .check()
    };
    assert!(check(86_400, 6.0).is_ok());
    assert!(check(600, 6.0).unwrap_err().contains("between 4 and 2016"));
    assert!(check(86_400, 1.0).unwrap_err().contains("noise"));
}
