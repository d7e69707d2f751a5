//! Where batches go: the URL rules of the OTLP exporter specification.

use crate::signal::Signal;
use hyper::{
    Uri,
    http::uri::{PathAndQuery, Scheme},
};
use std::fmt;
use thiserror::Error;

/// gRPC's way to name a Unix socket, with or without slashes (grpc/doc/naming.md).
const UNIX: &str = "unix:";

/// A checked URL of scheme `http` or `https`, with a host.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
}

/// Why a text is no OTLP endpoint. Each message is the end of a sentence that names the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("it is not a URL; write it like http://localhost:4318")]
    NotAUrl,
    /// No scheme, where one is required.
    #[error("it has no scheme; put http:// or https:// in front of it")]
    NoScheme,
    /// A scheme that OTLP does not know.
    #[error("its scheme is not supported; allowed are http:// and https:// (Unix sockets are not)")]
    Scheme,
    /// User information in the URL.
    #[error("it holds a user name or password; send them as a header in OTEL_EXPORTER_OTLP_HEADERS instead")]
    Credentials,
    /// A path with gRPC.
    #[error("gRPC endpoints have no path; remove it, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")]
    PathWithGrpc,
}

impl Endpoint {
    /// A gRPC target: a URL, or `host:port`, which means `http://` if `insecure` and `https://` otherwise.
    pub fn grpc(text: &str, insecure: bool) -> Result<Endpoint, EndpointError> {
        let uri = if text.contains("://") || text.starts_with(UNIX) {
            parse(text)?
        } else {
            parse(&format!("{}://{text}", if insecure { "http" } else { "https" }))?
        };
        if uri.path_and_query().is_some_and(|path| path != "/") {
            return Err(EndpointError::PathWithGrpc);
        }
        Ok(Endpoint { uri })
    }

    /// The exact URL to post to; an empty path becomes `/`.
    pub fn http(text: &str) -> Result<Endpoint, EndpointError> {
        if !text.contains("://") && !text.starts_with(UNIX) {
            return Err(EndpointError::NoScheme);
        }
        Ok(Endpoint { uri: parse(text)? })
    }

    /// The base URL of all signals: that of the signal, such as `v1/traces`, is appended to its path.
    pub fn http_base(text: &str, signal: Signal) -> Result<Endpoint, EndpointError> {
        let base = Endpoint::http(text)?.uri;
        let mut path = base.path().to_owned();
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(signal.path());
        if let Some(query) = base.query() {
            path.push('?');
            path.push_str(query);
        }
        let mut parts = base.into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| EndpointError::NotAUrl)?);
        let uri = Uri::from_parts(parts).map_err(|_| EndpointError::NotAUrl)?;
        Ok(Endpoint { uri })
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }
}

fn parse(text: &str) -> Result<Uri, EndpointError> {
    if text.starts_with(UNIX) {
        return Err(EndpointError::Scheme);
    }
    let uri: Uri = text.parse().map_err(|_| EndpointError::NotAUrl)?;
    if uri.scheme() != Some(&Scheme::HTTP) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(EndpointError::Scheme);
    }
    let authority = uri.authority().ok_or(EndpointError::NotAUrl)?;
    if authority.as_str().contains('@') {
        return Err(EndpointError::Credentials);
    }
    // `Authority` accepts `host:` and `host:99999`; neither can be connected to.
    let port_is_bad = authority.as_str().len() != authority.host().len() && authority.port_u16().is_none();
    if authority.host().is_empty() || port_is_bad {
        return Err(EndpointError::NotAUrl);
    }
    Ok(uri)
}

impl fmt::Display for Endpoint {
    /// Scheme, host and path; the query is left out, since some backends take a key there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = if self.uri.path() == "/" { "" } else { self.uri.path() };
        write!(f, "{}://{authority}{path}", self.uri.scheme_str().unwrap_or("http"))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_path_is_kept_and_extended() {
        for (base, full) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://collector/otlp", "https://collector/otlp/v1/traces"),
            ("https://collector/otlp/", "https://collector/otlp/v1/traces"),
            ("http://[::1]:4318/a/b", "http://[::1]:4318/a/b/v1/traces"),
            ("http://collector/a?k=1", "http://collector/a/v1/traces?k=1"),
        ] {
            assert_eq!(Endpoint::http_base(base, Signal::Traces).unwrap().uri().to_string(), full);
            let metrics = Endpoint::http_base(base, Signal::Metrics).unwrap();
            assert_eq!(metrics.uri().to_string(), full.replace("traces", "metrics"));
        }
    }

    #[test]
    fn exact_url_is_kept() {
        for (text, full) in [
            ("http://collector:4318", "http://collector:4318/"),
            ("http://collector:4318/", "http://collector:4318/"),
            ("http://collector/custom/traces", "http://collector/custom/traces"),
        ] {
            assert_eq!(Endpoint::http(text).unwrap().uri().to_string(), full);
        }
    }

    #[test]
    fn grpc_without_scheme_is_secure_unless_told_otherwise() {
        assert_eq!(Endpoint::grpc("collector:4317", false).unwrap().to_string(), "https://collector:4317");
        assert_eq!(Endpoint::grpc("collector:4317", true).unwrap().to_string(), "http://collector:4317");
        assert_eq!(
            Endpoint::grpc("http://collector:4317/", false).unwrap().to_string(),
            "http://collector:4317"
        );
    }

    #[test]
    fn bad_endpoints_say_why() {
        use EndpointError::{Credentials, NoScheme, NotAUrl, PathWithGrpc, Scheme};
        for (text, error) in [
            ("collector:4318", NoScheme),
            ("unix:/run/otlp.sock", Scheme),
            ("unix:///run/otlp.sock", Scheme),
            ("ftp://collector", Scheme),
            ("http://", NotAUrl),
            ("http://:4318", NotAUrl),
            ("http://collector:99999", NotAUrl),
            ("http://a b", NotAUrl),
            ("https://me:secret@collector", Credentials),
        ] {
            assert_eq!(Endpoint::http(text), Err(error), "{text}");
        }
        assert_eq!(Endpoint::grpc("http://collector:4317/v1/traces", false), Err(PathWithGrpc));
        assert_eq!(Endpoint::grpc("unix:/run/otlp.sock", false), Err(Scheme));
        assert_eq!(Endpoint::grpc("a b", false), Err(NotAUrl));
    }

    #[test]
    fn display_leaves_the_query_out() {
        let endpoint = Endpoint::http("https://collector/t?api-key=secret").unwrap();
        assert_eq!(format!("{endpoint} {endpoint:?}"), "https://collector/t https://collector/t");
    }
}
