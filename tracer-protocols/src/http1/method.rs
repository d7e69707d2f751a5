//! Request methods.

/// A request method that this crate knows by name (RFC 9110 section 9, RFC 5789, RFC 4918 and its relatives, the HTTP
/// QUERY draft).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the method of that name")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Query,
    Propfind,
    Proppatch,
    Mkcol,
    Copy,
    Move,
    Lock,
    Unlock,
    Report,
    Search,
    Mkcalendar,
    Acl,
    Purge,
    /// Any other token.
    Other,
}

/// Every known method with its name, the frequent ones first.
const NAMES: [(Method, &str); 22] = [
    (Method::Get, "GET"),
    (Method::Post, "POST"),
    (Method::Put, "PUT"),
    (Method::Head, "HEAD"),
    (Method::Delete, "DELETE"),
    (Method::Options, "OPTIONS"),
    (Method::Patch, "PATCH"),
    (Method::Connect, "CONNECT"),
    (Method::Trace, "TRACE"),
    (Method::Query, "QUERY"),
    (Method::Propfind, "PROPFIND"),
    (Method::Proppatch, "PROPPATCH"),
    (Method::Mkcol, "MKCOL"),
    (Method::Copy, "COPY"),
    (Method::Move, "MOVE"),
    (Method::Lock, "LOCK"),
    (Method::Unlock, "UNLOCK"),
    (Method::Report, "REPORT"),
    (Method::Search, "SEARCH"),
    (Method::Mkcalendar, "MKCALENDAR"),
    (Method::Acl, "ACL"),
    (Method::Purge, "PURGE"),
];

impl Method {
    /// The method of this name. Names are case-sensitive (RFC 9110 section 9.1).
    pub fn from_name(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"POST" => Self::Post,
            _ => NAMES
                .iter()
                .find(|(_, known)| known.as_bytes() == name)
                .map_or(Self::Other, |&(method, _)| method),
        }
    }

    /// The name on the wire; `_OTHER`, as the semantic conventions want it, for [`Method::Other`].
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|&&(method, _)| method == self).map_or("_OTHER", |&(_, name)| name)
    }

    /// The methods that the HTTP semantic conventions (1.44) report by name; all others are `_OTHER` there.
    pub fn is_conventional(self) -> bool {
        matches!(
            self,
            Self::Get
                | Self::Head
                | Self::Post
                | Self::Put
                | Self::Delete
                | Self::Connect
                | Self::Options
                | Self::Trace
                | Self::Patch
                | Self::Query
        )
    }

    /// `bytes` is shorter than a method name and some known name begins with it.
    pub(super) fn begins_one(bytes: &[u8]) -> bool {
        NAMES.iter().any(|(_, name)| name.as_bytes().starts_with(bytes))
    }
}
