//! Headers sent with every request: the list format of `OTEL_EXPORTER_OTLP_HEADERS`.

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use std::fmt;
use thiserror::Error;

/// The exporter itself sets these; a second opinion would break the request.
const RESERVED: [&str; 8] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "host",
    "te",
    "transfer-encoding",
];

/// Header names and secret values.
#[derive(Clone, Default)]
pub struct Headers {
    map: HeaderMap,
}

/// Which entry of a header list is wrong and how. Never holds any part of the list, since its values are secrets.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HeadersError {
    /// No `=` in the entry.
    #[error("entry {0} has no '='")]
    NoValue(usize),
    /// The name is not an HTTP token (RFC 9110).
    #[error("the name in entry {0} is empty or holds characters that HTTP does not allow in a header name")]
    Name(usize),
    /// The name is one of those that the exporter sets.
    #[error("the name in entry {0} is a header that the exporter sets by itself")]
    Reserved(usize),
    /// The decoded value holds control characters.
    #[error("the value in entry {0} holds characters that HTTP does not allow in a header")]
    Value(usize),
    /// More headers than a request can carry.
    #[error("entry {0} is one too many")]
    TooMany(usize),
}

impl Headers {
    /// Reads `name=value,name2=value2`: the format of W3C baggage without properties, values percent-encoded
    /// ("Specifying headers via environment variables"). Empty entries are skipped; the last of equal names wins.
    pub fn parse(list: &str) -> Result<Headers, HeadersError> {
        let mut map = HeaderMap::new();
        for (at, entry) in list.split(',').enumerate() {
            if entry.trim().is_empty() {
                continue;
            }
            let at = at + 1;
            let (name, value) = entry.split_once('=').ok_or(HeadersError::NoValue(at))?;
            let name: HeaderName = name.trim().parse().map_err(|_| HeadersError::Name(at))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(HeadersError::Reserved(at));
            }
            let decoded: Vec<u8> = percent_decode_str(value.trim()).collect();
            let mut value = HeaderValue::from_bytes(&decoded).map_err(|_| HeadersError::Value(at))?;
            value.set_sensitive(true);
            map.try_insert(name, value).map_err(|_| HeadersError::TooMany(at))?;
        }
        Ok(Headers { map })
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        &self.map
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.map.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_trimmed() {
        let headers = Headers::parse(" api-key = k%20%3D%2c1 ,, X-Scope=a=b;c,empty=,").unwrap();
        let get = |name| headers.map().get(name).unwrap().to_str().unwrap();
        assert_eq!(get("api-key"), "k =,1");
        assert_eq!(get("x-scope"), "a=b;c");
        assert_eq!(get("empty"), "");
        assert_eq!(headers.map().len(), 3);
    }

    #[test]
    fn errors_name_the_entry_and_no_text() {
        for (list, error) in [
            ("a=1,secret", HeadersError::NoValue(2)),
            ("=secret", HeadersError::Name(1)),
            ("a b=secret", HeadersError::Name(1)),
            ("a=1,b=2,c=sec%0aret", HeadersError::Value(3)),
            ("Content-Type=secret", HeadersError::Reserved(1)),
        ] {
            let found = Headers::parse(list).unwrap_err();
            assert_eq!(found, error);
            assert!(!found.to_string().contains("sec"));
        }
    }

    #[test]
    fn debug_shows_names_only() {
        let shown = format!("{:?}", Headers::parse("authorization=Bearer%20secret").unwrap());
        assert_eq!(shown, r#"{"authorization"}"#);
    }
}
