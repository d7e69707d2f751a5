//! The head of a request, as far as it counts here.

use std::{
    borrow::Cow,
    io::{self, Read},
};

/// Longest request head in bytes, and the most pieces that it may come in: an asker that dribbles does not stay for ever.
const MAX_HEAD: usize = 8192;
const MAX_READS: usize = 64;

/// What counts of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The target up to its query.
    pub path: &'a str,
    query: &'a str,
    /// `Accept`, empty where there is none.
    pub accept: &'a str,
    host: Option<&'a str>,
}

/// A request head up to its empty line; `None` if it is too long or comes in too many pieces.
pub(super) fn read_head(mut stream: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    for _ in 0..MAX_READS {
        if head.windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok(Some(head));
        }
        if head.len() > MAX_HEAD {
            return Ok(None);
        }
        match stream.read(&mut part)? {
            0 => return Ok(Some(head)),
            count => head.extend_from_slice(&part[..count]),
        }
    }
    Ok(None)
}

impl<'a> Request<'a> {
    pub(super) fn parse(head: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let field = |wanted: &str| {
            let mut fields = lines.clone().filter_map(|line| line.split_once(':'));
            fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (accept, host) = (field("accept").unwrap_or_default(), field("host"));
        version.starts_with("HTTP/1.").then_some(Self { method, path, query, accept, host })
    }

    /// The first value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Whether `Host` is no name that somebody else could have lead here, or none at all.
    pub(super) fn is_for_this_host(&self) -> bool {
        self.host.is_none_or(tracer_server::names_this_host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends one byte at a time, without an end.
    struct Dribble;

    impl Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer[0] = b'x';
            Ok(1)
        }
    }

    #[test]
    fn a_head_that_does_not_end_is_given_up() {
        let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 2 * MAX_HEAD]].concat();
        assert!(read_head(long.as_slice()).expect("memory").is_none());
        assert!(read_head(Dribble).expect("bytes").is_none());
    }

    #[test]
    fn a_name_that_somebody_else_can_give_is_not_this_host() {
        let is_here = |head: &str| Request::parse(head.as_bytes()).expect("a request").is_for_this_host();
        assert!(
            is_here("GET / HTTP/1.1\r\nHost: localhost:5778\r\n\r\n") && is_here("GET / HTTP/1.0\r\n\r\n")
        );
        assert!(!is_here("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n"));
    }

    #[test]
    fn parameters_are_decoded() {
        let request =
            Request::parse(b"GET /sampling?a=1&service=a%26b+c&service=d HTTP/1.1\r\n\r\n").expect("one");
        assert_eq!(request.parameter("service").as_deref(), Some("a&b c"));
        assert_eq!(request.parameter("none"), None);
        assert_eq!(request.path, "/sampling");
    }
}
