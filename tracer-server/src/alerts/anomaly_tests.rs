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
    kind: Kind,
}

/// How the traffic of a service is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Calls know nothing of each other.
    Independent,
    /// Calls come in bursts: the noise is three times that of independent ones.
    Bursts,
    /// A tenth more each day.
    Growth,
    /// Few calls, none in many steps.
    Sparse,
    /// Some calls take a hundred times as long as most.
    LongTails,
}

const KINDS: [Kind; 5] = [Kind::Independent, Kind::Bursts, Kind::Growth, Kind::Sparse, Kind::LongTails];

impl Service {
    fn new(seed: u64) -> Self {
        Self::of(Kind::Independent, seed)
    }

    fn of(kind: Kind, seed: u64) -> Self {
        let series = Series::new(STEP_NS, anomaly(Measure::Rate).keep_ns());
        Self { rng: StdRng::seed_from_u64(seed), series, step: 10_000 * DAY, kind }
    }

    /// One more step, with so many times the usual calls, errors and durations.
    fn step(&mut self, calls: f64, errors: f64, duration: f64) {
        let phase = (self.step % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let usual = 60.0 + 40.0 * phase.sin();
        let (usual, at_once) = match self.kind {
            Kind::Independent | Kind::LongTails => (usual, 1),
            Kind::Bursts => (usual / 9.0, 9),
            Kind::Growth => (usual * 1.1_f64.powf((self.step - 10_000 * DAY) as f64 / DAY as f64), 1),
            Kind::Sparse => (usual / 60.0, 1),
        };
        // A sum of many coin tosses: the noise of independent calls.
        let count = (0..(usual * 2.0 * calls).round() as usize).filter(|_| self.rng.random_bool(0.5)).count()
            * at_once;
        for _ in 0..count {
            let tail = matches!(self.kind, Kind::LongTails) && self.rng.random_bool(0.05);
            let spread: f64 = self.rng.random_range(-1.0..1.0) + if tail { 4.6 } else { 0.0 };
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

/// The false-positive rate on synthetic courses, in which nothing happens: docs/alerts.md has the figures.
#[test]
fn noise_and_seasons_raise_no_alert() {
    for kind in KINDS {
        let (mut judged, mut raised) = (0, Vec::new());
        let mut service = Service::of(kind, 1);
        for step in 0..3 * DAY {
            service.step(1.0, 1.0, 1.0);
            // Every 25th sees all phases of a day, each once.
            if step % 25 == 0 && step as usize > HISTORY {
                judged += ALL.len();
                raised.extend(ALL.iter().filter_map(|of| service.judge(*of)).map(|breach| breach.summary));
            }
        }
        assert!(judged > 90, "{judged}");
        assert_eq!(raised, Vec::<String>::new(), "{kind:?}, of {judged}");
    }
}

const HOUR_NS: u64 = 3_600_000_000_000;

/// A year of a real course that is like a service's: flights that were to depart from three airports, by hour, and those which did not. It has days and weeks,
/// holidays, and some snow storms, for which nobody is called wrongly: what is raised in all bounds the rate of false alerts from above.
#[test]
fn a_year_of_departures_raises_few_alerts() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/departures-2013.csv"))
        .unwrap();
    let hours: Vec<Vec<f64>> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').map(|number| number.parse().unwrap()).collect())
        .collect();
    assert_eq!(hours.len(), 365 * 24);
    let hourly = |of| Anomaly { step: Time(std::time::Duration::from_hours(1)), ..anomaly(of) };
    let (mut judged, mut raised) = (0_usize, Vec::new());
    for airport in 0..3 {
        let subject = Subject { service: "departures".to_owned(), operation: None };
        let mut series = Series::new(HOUR_NS, hourly(Measure::Rate).keep_ns());
        for (hour, counts) in (1_000_000_u64..).zip(&hours) {
            let (all, bad) = (counts[2 * airport], counts[2 * airport + 1]);
            for (weight, is_bad) in
                [(all - bad, false), (bad, true)].into_iter().filter(|(weight, _)| *weight > 0.0)
            {
                let call = Call {
                    end_ns: hour * HOUR_NS + 1,
                    duration_ns: 1,
                    is_bad,
                    weight,
                    trace_id: TraceId([7; 16]),
                };
                series.add(&subject, &call);
            }
            // 25 and the hours of a day have nothing in common: all hours are judged.
            if hour % 25 == 0 {
                let at = Moment { now_ns: (hour + 1) * HOUR_NS, since_ns: 0, step_ns: HOUR_NS };
                let Some((_, course)) = series.iter().next() else { continue };
                for of in [Measure::Rate, Measure::ErrorRatio] {
                    judged += 1;
                    let day = (hour - 1_000_000) / 24;
                    raised
                        .extend(judge(&hourly(of), course, at).map(|breach| (airport, day, breach.summary)));
                }
            }
        }
    }
    assert!(judged > 2000, "{judged}");
    assert!(raised.len() * 100 <= judged, "{} of {judged}: {raised:#?}", raised.len());
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
