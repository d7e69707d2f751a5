//! `[context]`: which headers say where a request comes from.

use serde::{Deserialize, Deserializer, de};
use tracer_protocols::context::{Extractor, Format, HeaderPair, REQUEST_IDS};

/// `[context]`: how the trace context of requests is read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// The formats that are read, in order of weight.
    #[serde(deserialize_with = "formats")]
    pub formats: Vec<Format>,
    /// Headers of the user's own.
    #[serde(deserialize_with = "custom")]
    pub custom: Vec<HeaderPair>,
    /// Baggage keys whose values spans show as `baggage.<key>`.
    pub baggage_keys: Vec<String>,
    /// Headers with ids of requests that services pass on, in order of weight.
    pub request_ids: Vec<String>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            formats: vec![Format::W3c, Format::B3, Format::Jaeger, Format::Xray, Format::Baggage],
            custom: Vec::new(),
            baggage_keys: Vec::new(),
            request_ids: REQUEST_IDS.map(str::to_owned).to_vec(),
        }
    }
}

impl Context {
    /// What reads requests by these settings.
    pub fn extractor(&self) -> Extractor {
        Extractor::new(&self.formats, self.custom.clone(), &self.baggage_keys)
            .with_request_ids(&self.request_ids)
    }
}

/// The names of formats: ours, and those of `OTEL_PROPAGATORS` (OpenTelemetry specification, "General SDK
/// configuration"). B3 is read in both of its forms under either of its names, as that specification says.
const NAMES: [(&str, Format); 8] = [
    ("w3c", Format::W3c),
    ("tracecontext", Format::W3c),
    ("b3", Format::B3),
    ("b3multi", Format::B3),
    ("jaeger", Format::Jaeger),
    ("xray", Format::Xray),
    ("baggage", Format::Baggage),
    ("custom", Format::Custom),
];

fn formats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Format>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if matches!(names.as_slice(), [only] if only == "none") {
        return Ok(Vec::new());
    }
    let mut formats = Vec::new();
    for name in names {
        let Some((_, format)) = NAMES.iter().find(|(known, _)| *known == name) else {
            return Err(de::Error::custom(if name == "none" {
                "\"none\" stands alone".to_owned()
            } else {
                format!("\"{name}\" is no format")
            }));
        };
        if !formats.contains(format) {
            formats.push(*format);
        }
    }
    Ok(formats)
}

fn custom<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderPair>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        trace_id: String,
        span_id: String,
        baggage_prefix: Option<String>,
    }

    let pairs = Vec::<Pair>::deserialize(deserializer)?;
    pairs
        .iter()
        .map(|pair| HeaderPair::new(&pair.trace_id, &pair.span_id, pair.baggage_prefix.as_deref()))
        .collect::<Result<_, _>>()
        .map_err(de::Error::custom)
}
