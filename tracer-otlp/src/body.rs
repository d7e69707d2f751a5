//! What backends that speak no OTLP take and answer.

use crate::outcome::{Acceptance, Outcome};
use serde::Deserialize;

/// The form of a batch that is posted as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// A JSON list of Zipkin v2 spans (<https://zipkin.io/zipkin-api/#/default/post_spans>).
    Zipkin,
    /// The bulk API of Elasticsearch and OpenSearch: an action and a document, each on its line
    /// (Elasticsearch guide, "Bulk index or delete documents").
    ElasticsearchBulk,
    /// InfluxDB's line protocol (InfluxDB 1.x, "Write data with the InfluxDB API").
    InfluxLines,
}

/// An answer of the bulk API, as far as it matters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BulkAnswer {
    errors: bool,
    items: Vec<BulkItem>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BulkItem {
    create: BulkResult,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BulkResult {
    status: u16,
    error: BulkError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BulkError {
    reason: String,
}

/// What a document's own status is where it was there before: an earlier attempt got through although its answer did not.
const CONFLICT: u16 = 409;

impl Body {
    /// Its media type.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Zipkin => "application/json",
            Self::ElasticsearchBulk => "application/x-ndjson",
            Self::InfluxLines => "text/plain; charset=utf-8",
        }
    }

    /// What an answer with a status of success means.
    pub(crate) fn outcome(self, answer: &[u8]) -> Outcome {
        match self {
            Self::Zipkin | Self::InfluxLines => Outcome::Accepted(Acceptance::default()),
            Self::ElasticsearchBulk => bulk(answer),
        }
    }
}

/// The bulk API answers 200 also where it took nothing; each document has a status of its own.
fn bulk(answer: &[u8]) -> Outcome {
    // An answer that cannot be read must not cause the batch to be sent twice.
    let answer: BulkAnswer = serde_json::from_slice(answer).unwrap_or_default();
    if !answer.errors {
        return Outcome::Accepted(Acceptance::default());
    }
    let failed = || {
        let results = answer.items.iter().map(|item| &item.create);
        results.filter(|result| result.status >= 400 && result.status != CONFLICT)
    };
    if let Some(busy) = failed().find(|result| matches!(result.status, 429 | 503)) {
        // Those that were taken have their ids, so they are not taken twice.
        return Outcome::unavailable(format!("some documents were put off: {}", busy.error.reason));
    }
    let message = failed().next().map(|result| result.error.reason.clone()).unwrap_or_default();
    Outcome::Accepted(Acceptance { rejected_spans: failed().count() as u64, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(rejected_spans: u64, message: &str) -> Outcome {
        Outcome::Accepted(Acceptance { rejected_spans, message: message.to_owned() })
    }

    #[test]
    fn each_document_of_a_bulk_answer_counts() {
        let answer = |items: &str| {
            Body::ElasticsearchBulk.outcome(format!(r#"{{"errors":true,"items":[{items}]}}"#).as_bytes())
        };
        let fine = r#"{"create":{"status":201}}"#;
        let there = r#"{"create":{"status":409,"error":{"type":"version_conflict","reason":"exists"}}}"#;
        let wrong = r#"{"create":{"status":400,"error":{"reason":"bad mapping"}}}"#;
        let busy = r#"{"create":{"status":429,"error":{"reason":"queue is full"}}}"#;
        assert_eq!(answer(&format!("{fine},{there}")), accepted(0, ""));
        assert_eq!(answer(&format!("{wrong},{fine},{wrong}")), accepted(2, "bad mapping"));
        assert_eq!(
            answer(&format!("{wrong},{busy}")),
            Outcome::unavailable("some documents were put off: queue is full")
        );
    }

    #[test]
    fn a_success_that_cannot_be_read_is_a_success() {
        for answer in ["", "{}", "ok", r#"{"errors":false,"items":[]}"#, r#"{"errors":1}"#] {
            assert_eq!(Body::ElasticsearchBulk.outcome(answer.as_bytes()), accepted(0, ""), "{answer}");
        }
        assert_eq!(Body::Zipkin.outcome(b"any"), accepted(0, ""));
    }
}
