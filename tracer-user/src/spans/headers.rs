//! Headers that the configuration asks for.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use tracer_protocols::{
    http1::Headers,
    redact::{self, QueryValues},
};

use super::span::Value;
use crate::config::Http;

/// Most values of one header, and most bytes of one of them: who asks for a header does not ask for whatever is sent in it.
const MAX_VALUES: usize = 16;
const MAX_BYTES: usize = 1024;

/// The headers that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    request: Vec<Name>,
    response: Vec<Name>,
}

/// A header, and what the semantic conventions (1.44) call it as an attribute: of a request by HTTP, of a gRPC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    header: &'static str,
    http: &'static str,
    grpc: &'static str,
}

/// What was sent in headers that are asked for, in the order of the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured(Box<[(Name, Values)]>);

/// Each value that was sent, in order.
type Values = Box<[Box<str>]>;

impl Wanted {
    /// Those of a configuration.
    ///
    /// Names of attributes are constants everywhere else; these are made such here, once for each name, and live as long as the process.
    pub fn new(config: &Http) -> Self {
        let names = |headers: &[String], side: &str| {
            let name = |header: &String| {
                let header = header.to_ascii_lowercase();
                Name {
                    http: constant(&format!("http.{side}.header.{header}")),
                    grpc: constant(&format!("rpc.{side}.metadata.{header}")),
                    header: constant(&header),
                }
            };
            headers.iter().map(name).collect()
        };
        Self {
            request: names(&config.request_headers, "request"),
            response: names(&config.response_headers, "response"),
        }
    }

    /// Those of a request.
    pub(super) fn of_request(&self, headers: Headers<'_>) -> Captured {
        capture(&self.request, headers)
    }

    /// Those of a response.
    pub(super) fn of_response(&self, headers: Headers<'_>) -> Captured {
        capture(&self.response, headers)
    }
}

fn capture(wanted: &[Name], headers: Headers<'_>) -> Captured {
    let found = wanted.iter().filter_map(|name| {
        let values: Values =
            headers.get_all(name.header).take(MAX_VALUES).map(|value| shortened(value).into()).collect();
        (!values.is_empty()).then_some((*name, values))
    });
    Captured(found.collect())
}

/// At most [`MAX_BYTES`], whole characters.
fn shortened(text: &str) -> &str {
    if text.len() <= MAX_BYTES {
        return text;
    }
    let end = (0..=MAX_BYTES).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
    &text[..end]
}

impl Captured {
    /// The attributes: lists of text, as the conventions have them. Values of headers that carry credentials are hidden, as is what `values` hides
    /// in URLs.
    pub(super) fn attributes(
        &self,
        grpc: bool,
        values: QueryValues<'_>,
    ) -> impl Iterator<Item = (&'static str, Value)> {
        self.0.iter().map(move |(name, sent)| {
            let shown = sent.iter().map(|value| {
                let mut shown = String::with_capacity(value.len());
                redact::header(name.header, value, values, &mut shown);
                shown.into()
            });
            (if grpc { name.grpc } else { name.http }, Value::List(shown.collect()))
        })
    }
}

/// The text as a constant: the same one for the same text.
fn constant(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(constant) = known.get(text) {
        return constant;
    }
    let constant: &'static str = text.to_owned().leak();
    known.insert(constant);
    constant
}

#[cfg(test)]
mod tests {
    use tracer_protocols::{
        contract::{Follows, Side, Step},
        http1::{Message, Parser},
    };

    use super::*;

    /// The attributes of a request, as text.
    fn attributes(wanted: &[&str], head: &str, grpc: bool) -> Vec<String> {
        let config =
            Http { request_headers: wanted.iter().map(|&name| name.to_owned()).collect(), ..Http::default() };
        let wanted = Wanted::new(&config);
        let Step::Message { message: Message::Request(head), .. } =
            Parser::new(Side::Request).step(head.as_bytes(), Follows::Maybe, None)
        else {
            panic!("{head}");
        };
        let captured = wanted.of_request(head.headers);
        captured
            .attributes(grpc, QueryValues::default())
            .map(|(key, value)| format!("{key} {value:?}"))
            .collect()
    }

    #[test]
    fn what_is_asked_for_is_there_and_nothing_else() {
        let head = "GET / HTTP/1.1\r\nX-Tenant: a\r\nx-other: b\r\nx-tenant: c\r\n\r\n";
        assert_eq!(
            attributes(&["X-Tenant", "x-absent"], head, false),
            [r#"http.request.header.x-tenant List(["a", "c"])"#]
        );
        assert_eq!(
            attributes(&["x-tenant"], head, true),
            [r#"rpc.request.metadata.x-tenant List(["a", "c"])"#]
        );
        assert_eq!(attributes(&[], head, false), Vec::<String>::new());
    }

    #[test]
    fn secrets_are_hidden_also_if_they_are_asked_for() {
        let head = "GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\nCookie: a=secret\r\nX-Api-Key: secret\r\n\
                    Referer: https://me:secret@shop.example/p?token=secret#secret\r\n\r\n";
        let shown = attributes(&["authorization", "cookie", "x-api-key", "referer"], head, false);
        assert!(shown.len() == 4 && shown.iter().all(|text| !text.contains("secret")), "{shown:?}");
        assert!(shown[3].contains("https://REDACTED:REDACTED@shop.example/p?token=REDACTED"), "{shown:?}");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many = format!("GET / HTTP/1.1\r\n{}X: {}\r\n\r\n", "X: a\r\n".repeat(40), "\u{e4}".repeat(600));
        let shown = attributes(&["x"], &many, false);
        assert_eq!(shown[0].matches("\"a\"").count(), MAX_VALUES);
        assert_eq!(shortened(&"\u{e4}".repeat(600)).len(), MAX_BYTES);
        assert_eq!(shortened(&format!("a{}", "\u{e4}".repeat(600))).len(), MAX_BYTES - 1);
    }

    #[test]
    fn the_same_name_is_the_same_constant() {
        assert!(std::ptr::eq(constant("http.request.header.x"), constant("http.request.header.x")));
    }
}
