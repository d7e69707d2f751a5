//! What of a URL may leave the process.
//!
//! Query strings carry tokens, names and search terms, so their values are hidden unless asked for. Credentials never leave.

use crate::route::is_opaque;

/// What stands for a hidden value (OpenTelemetry semantic conventions 1.44, attribute `url.full`).
pub const REDACTED: &str = "REDACTED";

/// Query keys whose values the semantic conventions (1.44, attributes `url.query` and `url.full`) want hidden: they sign
/// requests to object stores.
pub const SIGNATURE_KEYS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// Parts of a key (lower case, without `-` and `_`) that tell of a secret.
const SECRET_WORDS: [&str; 13] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "signature",
    "credential",
    "session",
    "authorization",
    "jwt",
    "assertion",
];

/// Whole keys (lower case, without `-` and `_`) that tell of a secret.
const SECRET_KEYS: [&str; 7] = ["auth", "code", "key", "pass", "pin", "otp", "sid"];

/// Which values of a query string are shown. Keys always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryValues<'a> {
    /// None but those of these keys. With no keys this is the default.
    HideAllBut(&'a [String]),
    /// All but those of these keys and of keys that tell of a secret.
    ShowAllBut(&'a [String]),
}

impl Default for QueryValues<'_> {
    fn default() -> Self {
        Self::HideAllBut(&[])
    }
}

impl QueryValues<'_> {
    /// Keys are compared without regard to ASCII case.
    fn shows(self, key: &str) -> bool {
        let listed = |keys: &[String]| keys.iter().any(|listed| listed.eq_ignore_ascii_case(key));
        match self {
            Self::HideAllBut(keys) => listed(keys),
            Self::ShowAllBut(keys) => !listed(keys) && !tells_of_a_secret(key),
        }
    }
}

/// Appends `query` (what stands behind `?`) to `out`, hidden values replaced by [`REDACTED`].
///
/// An item without `=` is shown, unless it looks like a token: then it is hidden whole.
pub fn query(query: &str, values: QueryValues<'_>, out: &mut String) {
    // What stands before this is in `out`.
    let mut done = 0;
    let mut start = 0;
    while start < query.len() {
        let item = &query[start..];
        let item = &item[..item.bytes().position(|byte| matches!(byte, b'&' | b';')).unwrap_or(item.len())];
        let end = start + item.len();
        let hidden = match item.bytes().position(|byte| byte == b'=') {
            Some(equals) => {
                let (key, value) = (&item[..equals], &item[equals + 1..]);
                (!value.is_empty() && !values.shows(key)).then_some(start + equals + 1)
            }
            None => is_opaque(item).then_some(start),
        };
        if let Some(hidden) = hidden {
            out.push_str(&query[done..hidden]);
            out.push_str(REDACTED);
            done = end;
        }
        start = end + 1;
    }
    out.push_str(&query[done..]);
}

/// Appends a URL or request target to `out`: user name and password replaced by [`REDACTED`], the query as [`query`] does
/// it, the fragment left out.
pub fn url(url: &str, values: QueryValues<'_>, out: &mut String) {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let (before, query_text) = match url.split_once('?') {
        Some((before, query_text)) => (before, Some(query_text)),
        None => (url, None),
    };
    if before.contains("://") {
        // A path may hold another URL.
        let mut rest = before;
        while let Some((start, after)) = rest.split_once("://") {
            let (authority, tail) = after.split_at(after.find('/').unwrap_or(after.len()));
            out.push_str(start);
            out.push_str("://");
            authority_without_credentials(authority, out);
            rest = tail;
        }
        out.push_str(rest);
    } else if before.starts_with('/') {
        out.push_str(before);
    } else {
        authority_without_credentials(before, out);
    }
    if let Some(text) = query_text {
        out.push('?');
        query(text, values, out);
    }
}

/// Appends the value of a header to `out`: all of it replaced by [`REDACTED`] where the header's name tells of a secret or it is one of
/// cookies, else URLs in it as [`url`] does it.
pub fn header(name: &str, value: &str, values: QueryValues<'_>, out: &mut String) {
    if tells_of_a_secret(name)
        || memchr::memmem::find(name.to_ascii_lowercase().as_bytes(), b"cookie").is_some()
    {
        out.push_str(REDACTED);
        return;
    }
    // Neither is within a URL (RFC 3986, appendix A); a comma may be.
    for piece in value.split_inclusive(|end: char| end.is_whitespace() || matches!(end, '<' | '>' | '"')) {
        if piece.contains("://") || piece.contains('?') || piece.starts_with('/') {
            let end =
                piece.trim_end_matches(|end: char| end.is_whitespace() || matches!(end, '<' | '>' | '"'));
            url(end, values, out);
            out.push_str(&piece[end.len()..]);
        } else {
            out.push_str(piece);
        }
    }
}

fn authority_without_credentials(authority: &str, out: &mut String) {
    let host = match authority.rsplit_once('@') {
        Some((credentials, host)) => {
            out.push_str(REDACTED);
            if credentials.contains(':') {
                out.push(':');
                out.push_str(REDACTED);
            }
            out.push('@');
            host
        }
        None => authority,
    };
    out.push_str(host);
}

/// Whether a key's name alone says that its value is secret.
fn tells_of_a_secret(key: &str) -> bool {
    if SIGNATURE_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)) {
        return true;
    }
    // Long keys are judged by their beginning: no allocation, and no secret is named at such length.
    let mut name = [0u8; 64];
    let mut len = 0;
    for byte in key.bytes().filter(|b| !matches!(b, b'-' | b'_')).take(name.len()) {
        name[len] = byte.to_ascii_lowercase();
        len += 1;
    }
    let name = &name[..len];
    SECRET_KEYS.iter().any(|known| known.as_bytes() == name)
        || SECRET_WORDS.iter().any(|word| memchr::memmem::find(name, word.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str, values: QueryValues<'_>) -> String {
        let mut out = String::new();
        query(text, values, &mut out);
        out
    }

    #[test]
    fn values_are_hidden_by_default() {
        let hidden = |text| redacted(text, QueryValues::default());
        assert_eq!(hidden("q=shoes&page=2"), "q=REDACTED&page=REDACTED");
        assert_eq!(hidden("a=b=c;d=e"), "a=REDACTED;d=REDACTED");
        assert_eq!(hidden("flag&empty=&&x"), "flag&empty=&&x");
        assert_eq!(hidden("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"), "REDACTED");
        assert_eq!(hidden(""), "");
        assert_eq!(hidden("na\u{ef}ve=\u{e9}"), "na\u{ef}ve=REDACTED");
    }

    #[test]
    fn listed_values_are_shown() {
        let keys = ["page".to_owned()];
        assert_eq!(redacted("q=shoes&Page=2", QueryValues::HideAllBut(&keys)), "q=REDACTED&Page=2");
    }

    #[test]
    fn secrets_are_hidden_even_when_the_rest_is_shown() {
        let keys = ["email".to_owned()];
        let shown = |text: &str| redacted(text, QueryValues::ShowAllBut(&keys));
        assert_eq!(shown("q=shoes&email=a@b.c"), "q=shoes&email=REDACTED");
        for key in [
            "X-Amz-Signature",
            "sig",
            "access_token",
            "API-Key",
            "client_secret",
            "code",
            "JSESSIONID",
            "passwd",
        ] {
            assert_eq!(shown(&format!("{key}=v")), format!("{key}=REDACTED"));
        }
        assert_eq!(shown("keyword=a&design=b&pinned=c"), "keyword=a&design=b&pinned=c");
    }

    #[test]
    fn headers_show_no_secrets() {
        let shown = |name, value| {
            let mut out = String::new();
            header(name, value, QueryValues::default(), &mut out);
            out
        };
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "cookie",
            "Set-Cookie",
            "X-Api-Key",
            "x-csrf-token",
            "X-Session-Id",
        ] {
            assert_eq!(shown(name, "v"), REDACTED, "{name}");
        }
        for value in ["de-DE, en;q=0.7", "", "text/html; charset=utf-8", "\"an etag\"", "a@b.example"] {
            assert_eq!(shown("x-any", value), value);
        }
        assert_eq!(shown("location", "/done?code=a,b#access_token=c"), "/done?code=REDACTED");
        assert_eq!(
            shown("link", "<https://u:p@h.example/?a=1>; rel=next, </?b=2>"),
            "<https://REDACTED:REDACTED@h.example/?a=REDACTED>; rel=next, </?b=REDACTED>"
        );
        assert_eq!(shown("refresh", "5; url=https://h.example/?t=1"), "5; url=https://h.example/?t=REDACTED");
    }

    #[test]
    fn credentials_leave_a_url() {
        let hidden = |text| {
            let mut out = String::new();
            url(text, QueryValues::default(), &mut out);
            out
        };
        assert_eq!(
            hidden("https://user:pass@h.example:8/p?a=b#f=g"),
            "https://REDACTED:REDACTED@h.example:8/p?a=REDACTED"
        );
        assert_eq!(hidden("https://token@h.example"), "https://REDACTED@h.example");
        assert_eq!(hidden("http://u:p@ss@h/"), "http://REDACTED:REDACTED@h/");
        assert_eq!(hidden("/a/@b?c=d"), "/a/@b?c=REDACTED");
        assert_eq!(hidden("/proxy/http://u@h/x"), "/proxy/http://REDACTED@h/x");
        assert_eq!(hidden("h.example:443"), "h.example:443");
        assert_eq!(hidden("u:p@h.example:443"), "REDACTED:REDACTED@h.example:443");
    }
}
