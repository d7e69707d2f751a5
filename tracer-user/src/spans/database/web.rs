//! Databases that are asked over HTTP: they are told by what their answers or their clients say of themselves, never by ports.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use tracer_protocols::{
    http1::{Headers, Method, Target},
    sql::Dialect,
};

use super::{call::Call, statement::Statement};
use crate::spans::exchange::Request;

/// Bytes of a statement in a URL that are read, as sent.
const MAX_STATEMENT: usize = 4096;

/// What a database was asked by a request that it answers with `status` and `headers`; `None` where it is none.
pub(in crate::spans) fn asked(request: &Request, status: u16, headers: &Headers<'_>) -> Option<Box<Call>> {
    let target = Target::parse(&request.target);
    let call = if let Some(system) = search_engine(request, &target, headers) {
        let Endpoint { operation, index } = endpoint(request.method, target.path);
        Call {
            system,
            collection: index.map(Arc::from),
            operation: operation.map(Arc::from),
            error: (status >= 400).then(|| status.to_string().into()),
            ..Call::default()
        }
    } else if target.path == "/" && headers.iter().any(|(name, _)| is_clickhouse(name)) {
        clickhouse(&target, status, headers)
    } else {
        return None;
    };
    Some(Box::new(call))
}

/// Elasticsearch says what it is since 7.14; the clients of both say what they are for.
fn search_engine(request: &Request, target: &Target<'_>, headers: &Headers<'_>) -> Option<&'static str> {
    let client = request.user_agent.as_deref().and_then(|agent| agent.split('/').next()).unwrap_or_default();
    if client.contains("opensearch") {
        Some("opensearch")
    } else if client.contains("elasticsearch")
        || target.path.contains("/_") && headers.get("x-elastic-product") == Some("Elasticsearch")
    {
        Some("elasticsearch")
    } else {
        None
    }
}

/// Which endpoint a path is, by the names of Elasticsearch's REST API specification.
#[derive(Debug, Default, PartialEq, Eq)]
struct Endpoint<'a> {
    operation: Option<&'static str>,
    index: Option<&'a str>,
}

/// What follows the index, or nothing, and the endpoint of each method; the last one is that of all others.
type Named = (&'static str, &'static [(Option<Method>, &'static str)]);

/// All that are known.
const ENDPOINTS: [Named; 28] = [
    ("_search", &[(None, "search")]),
    ("_msearch", &[(None, "msearch")]),
    ("_search/scroll", &[(Some(Method::Delete), "clear_scroll"), (None, "scroll")]),
    ("_bulk", &[(None, "bulk")]),
    ("_count", &[(None, "count")]),
    ("_mget", &[(None, "mget")]),
    (
        "_doc",
        &[
            (Some(Method::Get), "get"),
            (Some(Method::Head), "exists"),
            (Some(Method::Delete), "delete"),
            (None, "index"),
        ],
    ),
    ("_create", &[(None, "create")]),
    ("_source", &[(None, "get_source")]),
    ("_update", &[(None, "update")]),
    ("_explain", &[(None, "explain")]),
    ("_termvectors", &[(None, "termvectors")]),
    ("_delete_by_query", &[(None, "delete_by_query")]),
    ("_update_by_query", &[(None, "update_by_query")]),
    ("_reindex", &[(None, "reindex")]),
    ("_field_caps", &[(None, "field_caps")]),
    ("_pit", &[(Some(Method::Delete), "close_point_in_time"), (None, "open_point_in_time")]),
    ("_async_search", &[(None, "async_search.submit")]),
    ("_sql", &[(None, "sql.query")]),
    ("_query", &[(None, "esql.query")]),
    ("_refresh", &[(None, "indices.refresh")]),
    ("_flush", &[(None, "indices.flush")]),
    ("_mapping", &[(Some(Method::Get), "indices.get_mapping"), (None, "indices.put_mapping")]),
    ("_settings", &[(Some(Method::Get), "indices.get_settings"), (None, "indices.put_settings")]),
    ("_alias", &[(Some(Method::Get), "indices.get_alias"), (None, "indices.put_alias")]),
    ("_cluster/health", &[(None, "cluster.health")]),
    ("_cluster/state", &[(None, "cluster.state")]),
    ("_nodes", &[(None, "nodes.info")]),
];

/// An index by itself.
const OF_INDEX: [(Method, &str); 4] = [
    (Method::Get, "indices.get"),
    (Method::Put, "indices.create"),
    (Method::Delete, "indices.delete"),
    (Method::Head, "indices.exists"),
];

fn endpoint(method: Method, path: &str) -> Endpoint<'_> {
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Endpoint {
            operation: Some(if method == Method::Head { "ping" } else { "info" }),
            index: None,
        };
    }
    let (index, rest) = match path.split_once('/') {
        _ if path.starts_with('_') => (None, path),
        Some((index, rest)) => (Some(index), rest),
        None => {
            let operation = OF_INDEX.iter().find(|(of, _)| *of == method).map(|(_, name)| *name);
            return Endpoint { operation, index: Some(path) };
        }
    };
    // The longest one that the path begins with; an id may follow.
    let begins =
        |name: &str| rest.strip_prefix(name).is_some_and(|more| more.is_empty() || more.starts_with('/'));
    let known = ENDPOINTS.iter().filter(|(name, _)| begins(name)).max_by_key(|(name, _)| name.len());
    let operation = known.and_then(|(_, methods)| {
        methods.iter().find(|(of, _)| of.is_none_or(|of| of == method)).map(|(_, operation)| *operation)
    });
    Endpoint { operation, index }
}

fn is_clickhouse(header: &[u8]) -> bool {
    header.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"X-ClickHouse-"))
}

/// A statement stands in the URL, or in the body, which is not read.
fn clickhouse(target: &Target<'_>, status: u16, headers: &Headers<'_>) -> Call {
    let parameter = |name: &str| {
        let pairs = target.query.unwrap_or_default().split('&');
        let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
        // What is cut within an escape, or a character, is shown as far as it goes.
        let value = value.get(..MAX_STATEMENT).unwrap_or(value).replace('+', " ");
        Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
    };
    let call = Call {
        system: "clickhouse",
        namespace: parameter("database").map(Into::into),
        error: (status >= 400).then(|| headers.get("x-clickhouse-exception-code").unwrap_or_default().into()),
        ..Call::default()
    };
    match parameter("query") {
        // The dialect in which more is a literal: nothing of one is taken for a name.
        Some(text) => Statement::new(text.as_bytes(), Dialect::Mysql).describe(call),
        None => call,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_told_by_path_and_method() {
        for (method, path, operation, index) in [
            (Method::Get, "/goods/_search", Some("search"), Some("goods")),
            (Method::Post, "/_search/scroll", Some("scroll"), None),
            (Method::Post, "/a,b/_msearch", Some("msearch"), Some("a,b")),
            (Method::Put, "/goods/_doc/7", Some("index"), Some("goods")),
            (Method::Get, "/goods/_doc/7", Some("get"), Some("goods")),
            (Method::Put, "/goods", Some("indices.create"), Some("goods")),
            (Method::Post, "/_bulk", Some("bulk"), None),
            (Method::Get, "/_cluster/health/goods", Some("cluster.health"), None),
            (Method::Get, "/", Some("info"), None),
            (Method::Get, "/goods/_searching", None, Some("goods")),
            (Method::Get, "/_made/up", None, None),
        ] {
            assert_eq!(endpoint(method, path), Endpoint { operation, index }, "{method:?} {path}");
        }
    }

    fn of(target: &str, agent: Option<&str>, status: u16, head: &str) -> Option<Call> {
        let mut parser = tracer_protocols::http1::Parser::new(tracer_protocols::contract::Side::Response);
        let text = format!("HTTP/1.1 {status} X\r\n{head}Content-Length: 0\r\n\r\n");
        let step =
            parser.step(text.as_bytes(), tracer_protocols::contract::Follows::Maybe, Some(Method::Get));
        let tracer_protocols::contract::Step::Message { message, .. } = step else { panic!("{text}") };
        let tracer_protocols::http1::Message::Response(response) = message else { panic!("{text}") };
        let request = Request {
            method: Method::Get,
            target: target.into(),
            user_agent: agent.map(Into::into),
            ..Request::of_call()
        };
        asked(&request, status, &response.headers).map(|call| *call)
    }

    #[test]
    fn a_search_engine_is_told_by_itself_or_by_its_client() {
        let says = "X-elastic-product: Elasticsearch\r\n";
        let call = of("/goods/_search?q=secret", None, 404, says).unwrap();
        assert_eq!(
            (call.system, call.collection.as_deref(), call.error.as_deref()),
            ("elasticsearch", Some("goods"), Some("404"))
        );
        let call = of("/goods", Some("opensearch-py/2.8 (Python 3.11)"), 200, "").unwrap();
        assert_eq!(
            (call.system, call.operation.as_deref(), call.error),
            ("opensearch", Some("indices.get"), None)
        );
        assert_eq!(of("/goods/_search", Some("curl/8"), 200, ""), None);
        assert_eq!(of("/goods", None, 200, says), None, "a page beside it may say so too");
    }

    #[test]
    fn statements_of_clickhouse_are_shown_without_literals() {
        let target =
            "/?database=shop&query=SELECT+name+FROM+goods+WHERE+id%3D7+AND+x+%3D+%27it%5C%27s+secret%27";
        let call = of(target, None, 200, "X-ClickHouse-Summary: {}\r\n").unwrap();
        assert_eq!((call.system, call.namespace.as_deref()), ("clickhouse", Some("shop")));
        assert_eq!(call.text.as_deref(), Some("SELECT name FROM goods WHERE id=? AND x = ?"));
        assert_eq!(call.summary.as_deref(), Some("SELECT goods"));
        let call = of("/?query=SELECT+x", None, 404, "X-ClickHouse-Exception-Code: 47\r\n").unwrap();
        assert_eq!(call.error.as_deref(), Some("47"));
        assert_eq!(of("/?query=SELECT+x", None, 200, "Server: x\r\n"), None);
    }
}
