//! What tracers say of themselves: the newest values of their own metrics, which they push by OTLP. In memory alone.
//!
//! This backend keeps traces. Of the metrics that come, those are taken whose resource has `service.name` "tracer" and an instance id; all others are
//! refused, and counted.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{Metric, NumberDataPoint, ResourceMetrics, metric::Data, number_data_point},
};
use serde_json::{Map, Value as Json, json};

use crate::spans::from_attributes;

/// `service.name` of a tracer.
const TRACER: &str = "tracer";
/// Tracers that are remembered at a time, and values of one of them.
const MAX_AGENTS: usize = 128;
const MAX_SAMPLES: usize = 2048;
/// Most bytes of a name, or of the labels of one value as JSON.
const MAX_TEXT: usize = 1024;
/// A tracer that has said nothing for so long is forgotten, nanoseconds.
const FORGOTTEN_NS: u64 = 3_600_000_000_000;

/// The tracers that are known.
#[derive(Debug, Default)]
pub(crate) struct Agents(Mutex<BTreeMap<String, Agent>>);

#[derive(Debug)]
struct Agent {
    host: String,
    version: String,
    seen_ns: u64,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Map<String, Json>,
    value: f64,
}

impl Agents {
    /// Takes what tracers say of themselves. Returns how many other values there were.
    pub(crate) fn take(&self, request: ExportMetricsServiceRequest, now_ns: u64) -> u64 {
        let mut agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|_, agent| now_ns.saturating_sub(agent.seen_ns) < FORGOTTEN_NS);
        let mut refused = 0;
        for of_resource in request.resource_metrics {
            let Some((instance, mut agent)) = Agent::of(&of_resource, now_ns) else {
                refused += metrics(of_resource).map(|metric| points(&metric)).sum::<u64>();
                continue;
            };
            for metric in metrics(of_resource) {
                refused += agent.add(metric);
            }
            // One that is not known yet takes the place of who has said nothing for longest.
            if agents.len() >= MAX_AGENTS
                && !agents.contains_key(&instance)
                && let Some(oldest) =
                    agents.iter().min_by_key(|(_, agent)| agent.seen_ns).map(|(instance, _)| instance.clone())
            {
                agents.remove(&oldest);
            }
            agents.insert(instance, agent);
        }
        refused
    }

    /// Every tracer that has been heard of within the last hour, for the API.
    pub(crate) fn describe(&self, now_ns: u64) -> Json {
        let agents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = agents.iter().filter(|(_, agent)| now_ns.saturating_sub(agent.seen_ns) < FORGOTTEN_NS);
        let agents: Vec<Json> = known.map(|(instance, agent)| agent.to_json(instance)).collect();
        json!({ "agents": agents })
    }
}

impl Agent {
    /// The tracer that a resource is, and its instance id; `None` if it is none.
    fn of(of_resource: &ResourceMetrics, now_ns: u64) -> Option<(String, Self)> {
        let attributes = &of_resource.resource.as_ref()?.attributes;
        let instance =
            text(attributes, "service.instance.id").filter(|instance| instance.len() <= MAX_TEXT)?;
        let bounded =
            |key| text(attributes, key).filter(|text| text.len() <= MAX_TEXT).unwrap_or_default().to_owned();
        (text(attributes, "service.name") == Some(TRACER)).then(|| {
            let (host, version) = (bounded("host.name"), bounded("service.version"));
            (instance.to_owned(), Self { host, version, seen_ns: now_ns, samples: Vec::new() })
        })
    }

    /// Adds the values of a metric. Returns how many are not kept.
    fn add(&mut self, metric: Metric) -> u64 {
        let all = points(&metric);
        let (Some(Data::Gauge(_) | Data::Sum(_)), true) = (&metric.data, metric.name.len() <= MAX_TEXT)
        else {
            return all;
        };
        let points = match metric.data {
            Some(Data::Gauge(gauge)) => gauge.data_points,
            Some(Data::Sum(sum)) => sum.data_points,
            _ => Vec::new(),
        };
        let room = MAX_SAMPLES - self.samples.len();
        let samples = points.iter().filter_map(|point| Sample::of(&metric.name, point));
        let before = self.samples.len();
        self.samples.extend(samples.take(room));
        all - (self.samples.len() - before) as u64
    }

    fn to_json(&self, instance: &str) -> Json {
        let Self { host, version, seen_ns, samples } = self;
        let samples: Vec<Json> = samples
            .iter()
            .map(|Sample { name, labels, value }| json!({"name": name, "labels": labels, "value": value}))
            .collect();
        json!({
            "instance": instance,
            "host": host,
            "version": version,
            "seen_unix_ns": seen_ns.to_string(),
            "metrics": samples,
        })
    }
}

impl Sample {
    fn of(name: &str, point: &NumberDataPoint) -> Option<Self> {
        let value = match point.value? {
            number_data_point::Value::AsDouble(value) => value,
            number_data_point::Value::AsInt(value) => value as f64,
        };
        let length: usize =
            point.attributes.iter().map(|attribute| attribute.key.len() + length(attribute)).sum();
        // JSON has no word for what is no number.
        (value.is_finite() && length <= MAX_TEXT).then(|| Self {
            name: name.to_owned(),
            labels: from_attributes(&point.attributes),
            value,
        })
    }
}

/// Bytes of a value that is text or a scalar; of others too many.
fn length(attribute: &KeyValue) -> usize {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.len(),
        Some(Any::BoolValue(_) | Any::IntValue(_) | Any::DoubleValue(_)) | None => 8,
        Some(_) => MAX_TEXT,
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

fn metrics(of_resource: ResourceMetrics) -> impl Iterator<Item = Metric> {
    of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics)
}

fn points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
        None => 0,
    };
    points as u64
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::AnyValue,
        metrics::v1::{Gauge, ScopeMetrics},
        resource::v1::Resource,
    };

    use super::*;

    fn attribute(key: &str, value: &str) -> KeyValue {
        let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
        KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
    }

    fn request(service: &str, instance: &str, values: &[f64]) -> ExportMetricsServiceRequest {
        let point = |value: &f64| NumberDataPoint {
            attributes: vec![attribute("map", "TLS")],
            value: Some(number_data_point::Value::AsDouble(*value)),
            ..NumberDataPoint::default()
        };
        let data_points = values.iter().map(point).collect();
        let metric = Metric {
            name: "tracer_map_entries".to_owned(),
            data: Some(Data::Gauge(Gauge { data_points })),
            ..Metric::default()
        };
        let resource = Resource {
            attributes: vec![
                attribute("service.name", service),
                attribute("service.instance.id", instance),
                attribute("host.name", "node-1"),
            ],
            ..Resource::default()
        };
        let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
        let of_resource =
            ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }
    }

    #[test]
    fn the_newest_values_of_a_tracer_are_kept() {
        let agents = Agents::default();
        assert_eq!(agents.take(request("tracer", "a", &[1.0]), 5), 0);
        assert_eq!(agents.take(request("tracer", "a", &[2.0, f64::NAN]), 6), 1);
        let all = agents.describe(7);
        assert_eq!(
            all["agents"],
            json!([{"instance": "a", "host": "node-1", "version": "", "seen_unix_ns": "6", "metrics":
                [{"name": "tracer_map_entries", "labels": {"map": "TLS"}, "value": 2.0}]}])
        );
        assert_eq!(agents.describe(6 + FORGOTTEN_NS)["agents"], json!([]));
    }

    #[test]
    fn what_others_send_is_refused() {
        let agents = Agents::default();
        assert_eq!(agents.take(request("shop", "a", &[1.0, 2.0]), 5), 2);
        assert_eq!(agents.take(ExportMetricsServiceRequest::default(), 5), 0);
        assert_eq!(agents.describe(5)["agents"], json!([]));
    }

    #[test]
    fn there_are_bounds() {
        let agents = Agents::default();
        for number in 0..=MAX_AGENTS as u64 {
            let _ = agents.take(request("tracer", &format!("{number:04}"), &[1.0]), number);
        }
        let all = agents.describe(0);
        assert_eq!(all["agents"].as_array().unwrap().len(), MAX_AGENTS);
        assert_eq!(all["agents"][0]["instance"], "0001", "the oldest has given way");
        assert_eq!(agents.take(request("tracer", "0001", &vec![1.0; MAX_SAMPLES + 3]), 9), 3);
        assert_eq!(agents.take(request("tracer", &"x".repeat(MAX_TEXT + 1), &[1.0]), 9), 1);
    }
}
