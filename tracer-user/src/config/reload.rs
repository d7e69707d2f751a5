//! What can be changed while the tracer runs (SIGHUP).

use super::Config;

/// Keys, or sections with a point at the end, that are taken over.
pub const RELOADED: [&str; 8] = [
    "http.",
    "redact.",
    "context.formats",
    "context.custom",
    "context.request_ids",
    "sampling.",
    "export.batch_spans",
    "export.batch_delay",
];

/// Taken over between two intervals that are not zero: where nobody was going to read them, nothing is counted.
const PUSH_INTERVAL: &str = "metrics.push_interval";

/// Whether a change of this key is taken over.
pub fn is_reloadable(key: &str, running: &Config, new: &Config) -> bool {
    RELOADED.iter().any(|known| key == *known || known.ends_with('.') && key.starts_with(known))
        || key == PUSH_INTERVAL && pushes(running, new)
}

/// Copies what is taken over.
pub fn take_over(running: &mut Config, new: &Config) {
    running.http = new.http.clone();
    running.redact = new.redact.clone();
    running.context.formats.clone_from(&new.context.formats);
    running.context.custom.clone_from(&new.context.custom);
    running.context.request_ids.clone_from(&new.context.request_ids);
    running.sampling = new.sampling.clone();
    running.export.batch_spans = new.export.batch_spans;
    running.export.batch_delay = new.export.batch_delay;
    if pushes(running, new) {
        running.metrics.push_interval = new.metrics.push_interval;
    }
}

fn pushes(running: &Config, new: &Config) -> bool {
    !running.metrics.push_interval.is_zero() && !new.metrics.push_interval.is_zero()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags, combine, effective, keys::KEYS};

    /// A value for each key that is not its default.
    const CHANGED: &str = r#"
        [http]
        routes = { "*" = ["/a/:id"] }
        route_guess = false
        max_routes_per_service = 7
        redact_query = false
        keep_query_keys = ["page"]
        request_headers = ["x-tenant"]
        response_headers = ["x-cache"]
        max_request_age = "9m"
        [redact]
        patterns = ["x{3}"]
        [context]
        formats = ["b3"]
        custom = [{ trace_id = "x-t", span_id = "x-s" }]
        request_ids = ["x-id"]
        [sampling]
        sampler = "always_off"
        traces_per_second = 5.0
        force_header = "x-force"
        force_attributes = [{ key = "baggage.debug" }]
        rules = [{ sampler = "always_on" }]
        [sampling.tail]
        decision_wait = "9s"
        max_bytes = 70000
        [export]
        batch_spans = 9
        batch_delay = "9ms"
    "#;

    #[test]
    fn what_is_said_to_be_taken_over_is() {
        let text = std::path::Path::new("t.toml");
        let new = combine(Some((text, CHANGED)), &Flags::default(), &Environment::default()).unwrap();
        let mut running = Config::default();
        take_over(&mut running, &new);
        assert_eq!(running, new);
        let values = CHANGED.parse().unwrap();
        let changed = effective::differences(&toml::Table::new(), &values);
        assert!(changed.len() == 21 && changed.iter().all(|key| is_reloadable(key, &running, &new)));
        let known = |key: &str| KEYS.iter().any(|other| other.path.starts_with(key));
        assert!(RELOADED.into_iter().all(known));
    }

    #[test]
    fn what_is_not_is_named() {
        let values = "[capture]\nring_bytes = 65536\n[log]\nlevel = 'info'\n".parse().unwrap();
        let changed = effective::differences(&toml::Table::new(), &values);
        assert_eq!(changed, ["capture.ring_bytes"], "a default that is written out is no change");
        let config = Config::default();
        assert!(!is_reloadable("capture.ring_bytes", &config, &config));
        assert!(!is_reloadable("metrics.push_interval", &config, &config));
    }
}
