//! What is kept of a request head, whatever protocol it came by.

use std::sync::Arc;

use tracer_protocols::{
    context::Carried,
    grpc,
    http1::{Method, RequestHead},
};

use super::exchange::{ExchangeSink, Request};

/// Makes requests of heads. Header values repeat on a connection, and are shared by its requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    host: Option<Arc<str>>,
    user_agent: Option<Arc<str>>,
}

impl Requests {
    /// What is kept of `head`.
    pub(super) fn keep(&mut self, head: &RequestHead<'_>, sink: &impl ExchangeSink) -> Request {
        let extractor = sink.extractor();
        let (context, trace_state) = match extractor.context(head) {
            Some(Carried { context, trace_state, .. }) => (Some(context), trace_state),
            None => (None, None),
        };
        Request {
            method: head.method,
            other_method: (head.method == Method::Other).then(|| head.method_text.into()),
            target: head.target.into(),
            version: head.version,
            https: false,
            host: share(&mut self.host, head.host),
            user_agent: share(&mut self.user_agent, head.user_agent),
            id: extractor.request_id(head).map(Into::into),
            context,
            trace_state,
            baggage: extractor.baggage(head),
            headers: sink.wanted().of_request(head.headers),
            forced: sink.force_header().is_some_and(|name| head.headers.get_all(name).next().is_some()),
            grpc: head.content_type.is_some_and(grpc::is_content_type),
            body_bytes: None,
        }
    }
}

/// The value as shared text: the same allocation as last time if it is the same text.
fn share(last: &mut Option<Arc<str>>, value: Option<&str>) -> Option<Arc<str>> {
    let value = value?;
    match last {
        Some(known) if **known == *value => {}
        _ => *last = Some(value.into()),
    }
    last.clone()
}
