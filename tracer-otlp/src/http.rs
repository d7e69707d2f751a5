//! OTLP/HTTP with protobuf bodies, and the bodies of backends that speak no OTLP.

use crate::{
    answer::{ExportResponse, RpcStatus},
    body::Body,
    client::{self, HttpClient, LARGEST_ANSWER},
    outcome::{Acceptance, Outcome},
    settings::{Compression, Settings},
    text,
    tls::CredentialError,
};
use bytes::Bytes;
use flate2::{Compression as Level, write::GzEncoder};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use prost::Message;
use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

/// Media type of protobuf bodies, both ways ("OTLP/HTTP Request").
const PROTOBUF: &str = "application/x-protobuf";

/// Posts batches to one URL.
pub(crate) struct HttpSender {
    client: HttpClient<Full<Bytes>>,
    uri: Uri,
    /// What is posted, where it is no OTLP.
    body: Option<Body>,
    headers: HeaderMap,
    compression: Compression,
}

impl HttpSender {
    /// `headers` are the ones that every request carries.
    pub(crate) fn new(
        settings: &Settings,
        body: Option<Body>,
        mut headers: HeaderMap,
    ) -> Result<HttpSender, CredentialError> {
        let content_type = body.map_or(PROTOBUF, Body::content_type);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if settings.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(HttpSender {
            client: client::build(settings)?,
            uri: settings.endpoint.uri().clone(),
            body,
            headers,
            compression: settings.compression,
        })
    }

    /// The body as it travels; made once per batch, not once per attempt.
    pub(crate) fn body(&self, payload: &Bytes) -> io::Result<Bytes> {
        match self.compression {
            Compression::None => Ok(payload.clone()),
            // The fastest level: span batches repeat themselves so much that the others gain little for their time.
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
                encoder.write_all(payload)?;
                encoder.finish().map(Bytes::from)
            }
        }
    }

    pub(crate) async fn send(&self, body: Bytes) -> Outcome {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Outcome::unavailable(text::chain(&error)),
        };
        let (head, body) = response.into_parts();
        let is_protobuf = head.headers.get(CONTENT_TYPE).is_some_and(is_protobuf);
        let status = head.status;
        let body = read(body).await;
        if status.is_success() {
            if let Some(posted) = self.body {
                return posted.outcome(&body);
            }
            // The status line is the verdict. A body that cannot be read must not cause the batch to be sent twice.
            let response = if is_protobuf { ExportResponse::decode(body).ok() } else { None };
            return Outcome::Accepted(response.map_or_else(Acceptance::default, ExportResponse::acceptance));
        }
        let text = format!("the backend answered {status}{}", explanation(&body, is_protobuf));
        if is_retryable(status) {
            let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| delay(value, SystemTime::now()));
            Outcome::Unavailable { text, retry_after }
        } else {
            Outcome::Refused(text)
        }
    }
}

/// The whole body, or nothing if it breaks off or is too long. It must be read to its end for the connection to be used
/// again.
async fn read(body: Incoming) -> Bytes {
    Limited::new(body, LARGEST_ANSWER).collect().await.map(Collected::to_bytes).unwrap_or_default()
}

fn is_protobuf(content_type: &HeaderValue) -> bool {
    content_type
        .to_str()
        .is_ok_and(|value| value.split(';').next().is_some_and(|value| value.trim() == PROTOBUF))
}

/// "Failures": the body of an error is a `google.rpc.Status`. Proxies in between answer with text.
fn explanation(body: &Bytes, is_protobuf: bool) -> String {
    let message = if is_protobuf {
        RpcStatus::decode(body.clone()).map(|status| status.message).unwrap_or_default()
    } else {
        String::from_utf8_lossy(&body[..body.len().min(text::LIMIT)]).into_owned()
    };
    let message = message.trim();
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// "Retryable Response Codes": these four and no other.
fn is_retryable(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. A date in the past is no delay.
fn delay(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let value = value.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_767);
        for (value, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:17 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            let found = delay(&HeaderValue::from_static(value), now);
            assert_eq!(found, expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn four_statuses_are_retryable() {
        let retryable: Vec<u16> =
            (100..600).filter(|&code| is_retryable(StatusCode::from_u16(code).unwrap())).collect();
        assert_eq!(retryable, [429, 502, 503, 504]);
    }

    #[test]
    fn explanations_come_from_protobuf_or_text() {
        let mut status = RpcStatus::default();
        status.message.push_str("too many spans");
        assert_eq!(explanation(&status.encode_to_vec().into(), true), ": too many spans");
        assert_eq!(explanation(&Bytes::from_static(b"no such path\n"), false), ": no such path");
        assert_eq!(explanation(&Bytes::from_static(b"\xff"), true), "");
    }
}
