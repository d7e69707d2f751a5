//! Decides which of the contexts that a request carries counts: the one room where formats are weighed.

use super::{
    HeaderLines, HeaderPair, REQUEST_IDS, TraceContext,
    baggage::{baggage_value, decode},
    parse_b3, parse_b3_multi, parse_pair, parse_traceparent, parse_tracestate, parse_uber_trace_id,
    parse_xray,
    request_id::is_id,
};
use crate::http1::{ContextHeader, ContextHeaders, Headers, RequestHead};

/// A format of trace context in headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `traceparent` and `tracestate`.
    W3c,
    /// `b3`, and `X-B3-*`.
    B3,
    /// `uber-trace-id`, and `uberctx-*` for baggage.
    Jaeger,
    /// `X-Amzn-Trace-Id`.
    Xray,
    /// `baggage`: carries no context of its own.
    Baggage,
    /// The headers that the user names.
    Custom,
}

/// The context that a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// In which format.
    pub format: Format,
    /// The sender's span.
    pub context: TraceContext,
    /// The `tracestate` beside a traceparent, valid and not empty.
    pub trace_state: Option<Box<str>>,
}

/// Reads the context of requests, the formats in the order given.
///
/// The first format that a request carries well-formed counts; a malformed value is taken as if it had not been sent, as
/// the specifications say. Where the headers of one format contradict each other the request has no context: what a later
/// format says would be a guess.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extractor {
    formats: Vec<Format>,
    custom: Vec<HeaderPair>,
    baggage: Vec<BaggageKey>,
    request_ids: Vec<String>,
}

/// A key of baggage that is wanted, and the names of the headers that may hold it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BaggageKey {
    key: String,
    headers: Vec<String>,
}

/// What the headers of one format say.
enum Reading {
    Nothing,
    Contradiction,
    Context(TraceContext),
}

/// What all headers of one name say.
enum Sent<'a> {
    Nothing,
    Contradiction,
    Value(&'a str),
}

impl Extractor {
    /// Formats in order of weight, the user's headers, and the baggage keys whose values are wanted.
    ///
    /// The user's headers weigh as much as [`Format::Custom`] does, least where that is not among the formats.
    pub fn new(formats: &[Format], custom: Vec<HeaderPair>, baggage_keys: &[String]) -> Self {
        let mut order: Vec<Format> = Vec::new();
        for format in formats {
            if !order.contains(format) {
                order.push(*format);
            }
        }
        if !custom.is_empty() && !order.contains(&Format::Custom) {
            order.push(Format::Custom);
        }
        let prefixes: Vec<&str> = order
            .contains(&Format::Jaeger)
            .then_some("uberctx-")
            .into_iter()
            .chain(custom.iter().filter_map(HeaderPair::baggage_prefix))
            .collect();
        let baggage = baggage_keys
            .iter()
            .map(|key| BaggageKey {
                key: key.clone(),
                headers: prefixes.iter().map(|prefix| format!("{prefix}{key}")).collect(),
            })
            .collect();
        Self { formats: order, custom, baggage, request_ids: Vec::new() }
    }

    /// Also reads ids of requests, from the first of these headers that a request has.
    #[must_use]
    pub fn with_request_ids(mut self, names: &[String]) -> Self {
        self.request_ids = names.to_vec();
        self
    }

    /// The id by which a request is known beyond its service, if it has one that may be no other's: see [`REQUEST_IDS`].
    pub fn request_id<'a>(&self, head: &RequestHead<'a>) -> Option<&'a str> {
        let noted = head.context.has(ContextHeader::RequestId);
        // Presence of the usual ones is known; others are looked for.
        let names = self.request_ids.iter().filter(|name| noted || !REQUEST_IDS.contains(&name.as_str()));
        for name in names {
            match sent(head.headers, name) {
                Sent::Nothing => {}
                Sent::Contradiction => return None,
                Sent::Value(value) => return is_id(value).then_some(value),
            }
        }
        None
    }

    /// The context of a request, if it carries one that can be believed.
    pub fn context(&self, head: &RequestHead<'_>) -> Option<Carried> {
        self.weigh(head.context, head.headers)
    }

    /// As [`Self::context`], of a message that is none of HTTP.
    pub fn context_of(&self, headers: &HeaderLines) -> Option<Carried> {
        let (seen, headers) = headers.read();
        self.weigh(seen, headers)
    }

    fn weigh(&self, seen: ContextHeaders<'_>, headers: Headers<'_>) -> Option<Carried> {
        if self.custom.is_empty() && seen.is_empty() {
            return None;
        }
        for &format in &self.formats {
            match self.reading(format, seen, headers) {
                Reading::Nothing => {}
                Reading::Contradiction => return None,
                Reading::Context(context) => {
                    let trace_state = if format == Format::W3c { trace_state(seen, headers) } else { None };
                    return Some(Carried { format, context, trace_state });
                }
            }
        }
        None
    }

    /// The values of the wanted baggage keys, each with the place of its key among those given to [`Self::new`].
    ///
    /// A key to which the headers give two values has none.
    pub fn baggage(&self, head: &RequestHead<'_>) -> Box<[(usize, Box<str>)]> {
        if self.baggage.is_empty() {
            return Box::default();
        }
        let listed = self.formats.contains(&Format::Baggage) && head.context.has(ContextHeader::Baggage);
        let list = if listed { joined(head.headers, "baggage") } else { None };
        let found = self.baggage.iter().enumerate().filter_map(|(place, wanted)| {
            let in_list = list.as_deref().and_then(|list| baggage_value(list, &wanted.key));
            let value = in_list.or_else(|| {
                wanted.headers.iter().find_map(|name| match sent(head.headers, name) {
                    Sent::Value(value) => Some(decode(value)),
                    Sent::Nothing | Sent::Contradiction => None,
                })
            })?;
            Some((place, value.into()))
        });
        found.collect()
    }

    fn reading(&self, format: Format, seen: ContextHeaders<'_>, headers: Headers<'_>) -> Reading {
        let has = |header| seen.has(header);
        match format {
            Format::W3c if seen.ambiguous => Reading::Contradiction,
            Format::W3c => seen.traceparent.and_then(parse_traceparent).into(),
            Format::B3 if has(ContextHeader::B3) || has(ContextHeader::B3Multi) => b3(headers),
            Format::Jaeger if has(ContextHeader::Jaeger) => {
                sent(headers, "uber-trace-id").parse(parse_uber_trace_id)
            }
            Format::Xray if has(ContextHeader::Xray) => sent(headers, "x-amzn-trace-id").parse(parse_xray),
            Format::Custom => {
                self.custom.iter().map(|names| pair(headers, names)).find(Reading::is_said).into()
            }
            Format::B3 | Format::Jaeger | Format::Xray | Format::Baggage => Reading::Nothing,
        }
    }
}

/// The single header wins, as the specification says, unless the others are of another trace.
fn b3(headers: Headers<'_>) -> Reading {
    let single = match sent(headers, "b3") {
        Sent::Contradiction => return Reading::Contradiction,
        Sent::Value(value) => parse_b3(value),
        Sent::Nothing => None,
    };
    let names = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
    let mut values = [None; 4];
    for (name, value) in names.into_iter().zip(&mut values) {
        match sent(headers, name) {
            Sent::Contradiction => return Reading::Contradiction,
            Sent::Value(sent) => *value = Some(sent),
            Sent::Nothing => {}
        }
    }
    let [trace, span, sampled, flags] = values;
    let multi = trace.zip(span).and_then(|(trace, span)| parse_b3_multi(trace, span, sampled, flags));
    match (single, multi) {
        (Some(single), Some(multi)) if single.trace_id != multi.trace_id => Reading::Contradiction,
        (single, multi) => single.or(multi).into(),
    }
}

fn pair(headers: Headers<'_>, names: &HeaderPair) -> Reading {
    match (sent(headers, names.trace_id()), sent(headers, names.span_id())) {
        (Sent::Contradiction, _) | (_, Sent::Contradiction) => Reading::Contradiction,
        (Sent::Value(trace), Sent::Value(span)) => parse_pair(trace, span).into(),
        _ => Reading::Nothing,
    }
}

/// All `tracestate` headers in the order sent (W3C Trace Context, section 3.3.1).
fn trace_state(seen: ContextHeaders<'_>, headers: Headers<'_>) -> Option<Box<str>> {
    seen.tracestate?;
    let joined = joined(headers, "tracestate")?;
    parse_tracestate(&joined).filter(|state| !state.as_str().is_empty())?;
    Some(joined.into())
}

/// The values of all headers of a name as one list.
fn joined(headers: Headers<'_>, name: &str) -> Option<String> {
    let mut all = headers.get_all(name);
    let mut joined = all.next()?.to_owned();
    for more in all {
        joined.push(',');
        joined.push_str(more);
    }
    Some(joined)
}

fn sent<'a>(headers: Headers<'a>, name: &str) -> Sent<'a> {
    let mut all = headers.get_all(name);
    let Some(first) = all.next() else { return Sent::Nothing };
    if all.all(|other| other == first) { Sent::Value(first) } else { Sent::Contradiction }
}

impl Sent<'_> {
    fn parse(&self, parse: impl Fn(&str) -> Option<TraceContext>) -> Reading {
        match self {
            Self::Nothing => Reading::Nothing,
            Self::Contradiction => Reading::Contradiction,
            Self::Value(value) => parse(value).into(),
        }
    }
}

impl Reading {
    fn is_said(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl From<Option<TraceContext>> for Reading {
    fn from(context: Option<TraceContext>) -> Self {
        context.map_or(Self::Nothing, Self::Context)
    }
}

impl From<Option<Reading>> for Reading {
    fn from(reading: Option<Reading>) -> Self {
        reading.unwrap_or(Self::Nothing)
    }
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;
