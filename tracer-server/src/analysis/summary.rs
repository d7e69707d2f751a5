//! A trace in one line.

use serde::Serialize;

use super::trace::Trace;

/// What a list of traces shows of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// 32 hex digits.
    pub trace_id: String,
    /// Service of the root.
    pub root_service: String,
    /// Name of the root.
    pub root_name: String,
    /// First start, nanoseconds since 1970, as text: JSON numbers are not that precise.
    pub start_unix_ns: String,
    /// From the first start to the last end, nanoseconds.
    pub duration_ns: u64,
    /// Spans.
    pub spans: usize,
    /// Failed spans.
    pub errors: usize,
    /// Whether there is no span without a parent: the root is elsewhere, or not there yet.
    pub rootless: bool,
    /// Its services, by name.
    pub services: Vec<ServiceCount>,
}

/// A service's part in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceCount {
    /// Its name.
    pub service: String,
    /// Its spans.
    pub spans: usize,
    /// Those that failed.
    pub errors: usize,
}

/// Sums up a trace.
pub fn summarise(trace: &Trace<'_>) -> Summary {
    let (start, end) = trace.extent();
    let mut services = std::collections::BTreeMap::<&str, (usize, usize)>::new();
    for span in &trace.spans {
        let (spans, errors) = services.entry(span.service()).or_default();
        *spans += 1;
        *errors += usize::from(span.is_error());
    }
    let root = trace.root();
    Summary {
        trace_id: trace.id.to_string(),
        root_service: root.map(|root| root.service().to_owned()).unwrap_or_default(),
        root_name: root.map(|root| root.name().to_owned()).unwrap_or_default(),
        start_unix_ns: start.to_string(),
        duration_ns: end - start,
        spans: trace.spans.len(),
        errors: trace.spans.iter().filter(|span| span.is_error()).count(),
        rootless: root.is_none_or(|root| root.row().parent_id.is_some()),
        services: services
            .into_iter()
            .map(|(service, (spans, errors))| ServiceCount { service: service.to_owned(), spans, errors })
            .collect(),
    }
}
