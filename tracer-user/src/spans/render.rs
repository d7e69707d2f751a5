//! An exchange becomes a span: names, attributes and status by the HTTP and gRPC semantic conventions 1.44.

use std::{borrow::Cow, sync::Arc};

use tracer_protocols::{
    http1::{Target, Version},
    redact::{self, QueryValues},
};

use super::{
    database,
    exchange::Exchange,
    grpc, messaging, network,
    routes::{Routes, bare},
    span::{Resource, Span, SpanKind, Status, Value},
};
use crate::{
    clock::WallClock,
    config::{Http, Redact},
    connections::Ends,
    sampling::FORCED_KEY,
};

/// Makes spans.
#[derive(Debug)]
pub struct Renderer {
    routes: Routes,
    redact_query: bool,
    keep_query_keys: Vec<String>,
    redact: Redact,
    /// Attribute names, by the place of a baggage key in the configuration.
    baggage_names: Vec<&'static str>,
    buffer: String,
}

/// Attributes that nearly every span has room for without growing: of a client, of a server. Many spans wait at a time; with
/// these, a list just fits one of the allocator's sizes (448 and 640 bytes).
const USUAL_ATTRIBUTES: [usize; 2] = [11, 15];

impl Renderer {
    /// A renderer for a configuration.
    ///
    /// The names of attributes are constants everywhere else; those of the few baggage keys that a configuration asks for
    /// are made such here, once, and live as long as the process.
    pub fn new(config: &Http, baggage_keys: &[String]) -> Self {
        Self {
            routes: Routes::new(config.clone()),
            redact_query: config.redact_query,
            keep_query_keys: config.keep_query_keys.clone(),
            redact: Redact::default(),
            baggage_names: baggage_keys.iter().map(|key| &*format!("baggage.{key}").leak()).collect(),
            buffer: String::new(),
        }
    }

    /// Renders by another configuration from now on.
    pub fn set_http(&mut self, config: &Http) {
        self.routes = Routes::new(config.clone());
        self.redact_query = config.redact_query;
        self.keep_query_keys.clone_from(&config.keep_query_keys);
    }

    /// Leaves this out of every span from now on.
    pub fn set_redact(&mut self, redact: &Redact) {
        self.redact = redact.clone();
    }

    /// Replaces what is not to be sent.
    fn redact(&self, span: &mut Span) {
        if self.redact.is_empty() {
            return;
        }
        for (_, value) in &mut span.attributes {
            if let Value::List(texts) = value {
                for text in texts {
                    if let Some(redacted) = self.redact.apply(text) {
                        *text = redacted.into();
                    }
                }
                continue;
            }
            // What was known when the daemon was built is nobody's secret.
            if let Value::Str(_) | Value::Shared(_) = value
                && let Some(text) = value.as_str().and_then(|text| self.redact.apply(text))
            {
                *value = Value::Str(text.into());
            }
        }
        if let Some(name) = self.redact.apply(&span.name) {
            span.name = name.into();
        }
    }

    /// The span of a finished exchange. Trace id and parent are filled in by stage 6.
    pub fn span(
        &mut self,
        exchange: &Exchange,
        ends: &Ends,
        resource: Arc<Resource>,
        clock: WallClock,
    ) -> Span {
        if let Some(call) = &exchange.call {
            let mut attributes = Attributes(Vec::with_capacity(USUAL_ATTRIBUTES[0]));
            let (name, failed) = database::render::describe(&mut attributes, exchange, call);
            if exchange.request.target.is_empty() {
                peers(&mut attributes, ends, exchange.kind == SpanKind::Server, None, None);
            } else {
                self.over_http(&mut attributes, exchange, ends);
            }
            let mut span = finished(exchange, attributes, name, failed, resource, clock);
            self.redact(&mut span);
            return span;
        }
        if let Some(network) = &exchange.network {
            let mut attributes = Attributes(Vec::with_capacity(USUAL_ATTRIBUTES[0]));
            let (name, failed) = network::describe(&mut attributes, exchange, network);
            peers(&mut attributes, ends, false, None, None);
            let mut span = finished(exchange, attributes, name, failed, resource, clock);
            self.redact(&mut span);
            return span;
        }
        if let Some(message) = &exchange.message {
            let mut attributes = Attributes(Vec::with_capacity(USUAL_ATTRIBUTES[0]));
            let (name, failed) = messaging::render::describe(&mut attributes, exchange, message);
            peers(&mut attributes, ends, exchange.is_at_server(), None, None);
            let mut span = finished(exchange, attributes, name, failed, resource, clock);
            span.kind = messaging::render::kind(exchange, message);
            span.links.clone_from(&message.contexts);
            self.redact(&mut span);
            return span;
        }
        let request = &exchange.request;
        let target = Target::parse(&request.target);
        let server = exchange.kind == SpanKind::Server;
        let mut attributes = Attributes(Vec::with_capacity(USUAL_ATTRIBUTES[usize::from(server)]));

        let authority = authority(exchange, &target);
        let (host, port) = split_authority(authority);
        let name = if request.grpc {
            self.call(&mut attributes, &resource, target.path)
        } else {
            self.request(&mut attributes, exchange, &resource, &target, authority, ends)
        };
        // What passes a request on by FastCGI calls the application, not whom the request was meant for.
        let (host, port) =
            if request.version == Version::FastCgi && !server { (None, None) } else { (host, port) };
        peers(&mut attributes, ends, server, host, port);
        if let Some(protocol) = request.version.protocol() {
            attributes.put("network.protocol.name", Value::Static(protocol));
        }
        attributes.put("network.protocol.version", Value::Static(request.version.as_str()));
        if let Some(size) = request.body_bytes.filter(|&size| size > 0 && !request.grpc) {
            attributes.put("http.request.body.size", Value::Int(size as i64));
        }
        for (place, value) in &request.baggage {
            if let Some(name) = self.baggage_names.get(*place) {
                attributes.put(name, Value::Str(value.clone()));
            }
        }
        if request.forced {
            attributes.put(FORCED_KEY, Value::Bool(true));
        }
        for captured in [&request.headers, &exchange.response_headers] {
            attributes.0.extend(captured.attributes(request.grpc, self.values()));
        }
        let failed = if request.grpc {
            grpc::outcome(&mut attributes, exchange)
        } else {
            outcome(&mut attributes, exchange)
        };

        let mut span = finished(exchange, attributes, name, failed, resource, clock);
        self.redact(&mut span);
        span
    }

    /// What a database that is asked over HTTP has besides.
    fn over_http(&mut self, attributes: &mut Attributes, exchange: &Exchange, ends: &Ends) {
        let target = Target::parse(&exchange.request.target);
        let authority = authority(exchange, &target);
        let (host, port) = split_authority(authority);
        attributes.put("http.request.method", Value::Static(conventional(exchange)));
        attributes.put("url.full", Value::Str(self.full_url(scheme(exchange), &target, authority, ends)));
        peers(attributes, ends, false, host, port);
    }

    /// What only HTTP requests have, and the span's name.
    fn request(
        &mut self,
        attributes: &mut Attributes,
        exchange: &Exchange,
        resource: &Resource,
        target: &Target<'_>,
        authority: Option<&str>,
        ends: &Ends,
    ) -> Arc<str> {
        let request = &exchange.request;
        attributes.put("http.request.method", Value::Static(conventional(exchange)));
        if !request.method.is_conventional() {
            let original = request.other_method.clone().unwrap_or_else(|| request.method.as_str().into());
            attributes.put("http.request.method_original", Value::Str(original));
        }
        let mut name = None;
        if exchange.kind == SpanKind::Client {
            // A target that is not known (HTTP/2, joined in the middle) makes no URL.
            if !request.target.is_empty() {
                attributes
                    .put("url.full", Value::Str(self.full_url(scheme(exchange), target, authority, ends)));
            }
        } else {
            attributes.put("url.scheme", Value::Static(scheme(exchange)));
            if !request.target.is_empty() {
                attributes.put("url.path", Value::Str(target.path.into()));
            }
            if let Some(query) = target.query {
                attributes.put("url.query", Value::Str(self.query(query)));
            }
            if !target.path.is_empty() && target.path != "*" {
                let named = self.routes.name(&resource.service_name, request.method, target.path);
                if let Some(route) = named.route {
                    attributes.put("http.route", Value::Shared(route));
                }
                name = Some(named.name);
            }
            if let Some(agent) = &request.user_agent {
                attributes.put("user_agent.original", Value::Shared(agent.clone()));
            }
        }
        name.unwrap_or_else(|| bare(request.method))
    }

    /// What gRPC calls have instead, and the span's name.
    fn call(&mut self, attributes: &mut Attributes, resource: &Resource, path: &str) -> Arc<str> {
        attributes.put("rpc.system.name", Value::Static("grpc"));
        let method = tracer_protocols::grpc::method(path);
        let Some(method) = method.and_then(|method| self.routes.call(&resource.service_name, method)) else {
            return grpc::bare();
        };
        attributes.put("rpc.method", Value::Shared(method.clone()));
        method
    }

    fn values(&self) -> QueryValues<'_> {
        if self.redact_query {
            QueryValues::HideAllBut(&self.keep_query_keys)
        } else {
            QueryValues::ShowAllBut(&[])
        }
    }

    fn query(&mut self, query: &str) -> Box<str> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        redact::query(query, self.values(), &mut buffer);
        let redacted = buffer.as_str().into();
        self.buffer = buffer;
        redacted
    }

    fn full_url(
        &mut self,
        scheme: &str,
        target: &Target<'_>,
        authority: Option<&str>,
        ends: &Ends,
    ) -> Box<str> {
        let authority = match (authority, ends) {
            (Some(authority), _) => Cow::Borrowed(authority),
            (None, Ends::Inet { peer, .. }) if peer.address.is_ipv6() => {
                format!("[{}]:{}", peer.text, peer.port).into()
            }
            (None, Ends::Inet { peer, .. }) => format!("{}:{}", peer.text, peer.port).into(),
            (None, Ends::Unix { .. } | Ends::Unknown) => Cow::Borrowed("localhost"),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.push_str(scheme);
        buffer.push_str("://");
        // Credentials in front of the host are the redaction's to remove; what follows is built of single parts.
        buffer.push_str(authority.rsplit_once('@').map_or(&*authority, |(_, host)| host));
        buffer.push_str(target.path);
        if let Some(query) = target.query {
            buffer.push('?');
            redact::query(query, self.values(), &mut buffer);
        }
        let url = buffer.as_str().into();
        self.buffer = buffer;
        url
    }
}

fn finished(
    exchange: &Exchange,
    attributes: Attributes,
    name: Arc<str>,
    failed: bool,
    resource: Arc<Resource>,
    clock: WallClock,
) -> Span {
    let start_ns = clock.wall_ns(exchange.start_ns);
    Span {
        trace_id: [0; 16],
        span_id: exchange.span_id,
        parent: None,
        trace_state: exchange.request.trace_state.clone(),
        flags: 0,
        kind: exchange.kind,
        name,
        start_ns,
        end_ns: start_ns + exchange.last_ns.saturating_sub(exchange.start_ns),
        status: if failed { Status::Error } else { Status::Unset },
        attributes: attributes.0,
        resource,
        incomplete: exchange.incomplete,
        links: Vec::new(),
    }
}

pub(super) struct Attributes(Vec<(&'static str, Value)>);

impl Attributes {
    pub(super) fn put(&mut self, key: &'static str, value: Value) {
        self.0.push((key, value));
    }
}

/// `url.scheme`
fn scheme(exchange: &Exchange) -> &'static str {
    if exchange.secure || exchange.request.https { "https" } else { "http" }
}

/// `http.request.method`: the method, or `_OTHER`.
fn conventional(exchange: &Exchange) -> &'static str {
    let method = exchange.request.method;
    if method.is_conventional() { method.as_str() } else { "_OTHER" }
}

/// Whom the request was meant for. User name and password in front of the host are left out.
fn authority<'a>(exchange: &'a Exchange, target: &Target<'a>) -> Option<&'a str> {
    let authority = target.authority.or(exchange.request.host.as_deref()).filter(|text| !text.is_empty())?;
    // Hardly any has such: a look whether it does is faster than the search for where.
    if authority.as_bytes().contains(&b'@') {
        return authority.rsplit_once('@').map(|(_, host)| host);
    }
    Some(authority)
}

/// Host and port of `host[:port]`, IPv6 addresses without their brackets.
fn split_authority(authority: Option<&str>) -> (Option<&str>, Option<u16>) {
    let Some(authority) = authority else { return (None, None) };
    if let Some(rest) = authority.strip_prefix('[')
        && let Some((host, port)) = rest.split_once(']')
    {
        return (Some(host), port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match authority.bytes().position(|byte| byte == b':') {
        Some(colon) => (Some(&authority[..colon]), authority[colon + 1..].parse().ok()),
        None => (Some(authority), None),
    }
}

fn peers(attributes: &mut Attributes, ends: &Ends, server: bool, host: Option<&str>, port: Option<u16>) {
    match ends {
        Ends::Inet { local, peer, .. } => {
            let here = if server { local } else { peer };
            let name = here.name.as_ref().filter(|_| !server).unwrap_or(&here.text);
            let address = host.map_or_else(|| Value::Shared(name.clone()), |host| text(host, &here.text));
            attributes.put("server.address", address);
            attributes.put("server.port", Value::Int(port.unwrap_or(here.port).into()));
            if server {
                attributes.put("client.address", Value::Shared(peer.text.clone()));
                attributes.put("client.port", Value::Int(peer.port.into()));
            }
            attributes.put("network.peer.address", Value::Shared(peer.text.clone()));
            attributes.put("network.peer.port", Value::Int(peer.port.into()));
        }
        Ends::Unix { path, .. } => {
            let address = host.map_or_else(|| Value::Shared(path.clone()), |host| text(host, path));
            attributes.put("server.address", address);
            if let Some(port) = port {
                attributes.put("server.port", Value::Int(port.into()));
            }
            attributes.put("network.transport", Value::Static("unix"));
            if !path.is_empty() {
                attributes.put("network.peer.address", Value::Shared(path.clone()));
            }
        }
        Ends::Unknown => {
            if let Some(host) = host {
                attributes.put("server.address", Value::Str(host.into()));
            }
            if let Some(port) = port {
                attributes.put("server.port", Value::Int(port.into()));
            }
        }
    }
}

/// `host`, as the shared text if it says the same.
fn text(host: &str, shared: &Arc<str>) -> Value {
    if *host == **shared { Value::Shared(shared.clone()) } else { Value::Str(host.into()) }
}

/// Status code, sizes and error. Returns whether the span failed.
fn outcome(attributes: &mut Attributes, exchange: &Exchange) -> bool {
    if let Some(response) = exchange.response {
        if response.status != 0 {
            attributes.put("http.response.status_code", Value::Int(response.status.into()));
        }
        if let Some(size) = response.body_bytes.filter(|&size| size > 0) {
            attributes.put("http.response.body.size", Value::Int(size as i64));
        }
    }
    if let Some(failure) = exchange.failure {
        attributes.put("error.type", Value::Static(failure.error_type()));
        return true;
    }
    let failed_from = if exchange.kind == SpanKind::Server { 500 } else { 400 };
    match exchange.response {
        Some(response) if response.status >= failed_from => {
            attributes.put("error.type", Value::Str(response.status.to_string().into()));
            true
        }
        _ => false,
    }
}
