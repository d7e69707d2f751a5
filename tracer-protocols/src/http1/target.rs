//! The parts of a request target (RFC 9112 section 3.2).

/// A request target taken apart. Nothing is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The scheme as sent where the target is in absolute form.
    pub scheme: Option<&'a str>,
    /// `host[:port]`, perhaps with user information before it, in absolute form and in authority form (CONNECT).
    pub authority: Option<&'a str>,
    /// The path. `/` where the absolute form has none, `*` in asterisk form, empty in authority form.
    pub path: &'a str,
    /// What stands behind the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes `target` apart. A fragment, which clients should not send, is left out.
    pub fn parse(target: &'a str) -> Self {
        // One look for both: most targets hold neither.
        let (before_query, query) = match memchr::memchr2(b'?', b'#', target.as_bytes()) {
            Some(at) if target.as_bytes()[at] == b'?' => {
                let query = &target[at + 1..];
                let end = memchr::memchr(b'#', query.as_bytes()).unwrap_or(query.len());
                (&target[..at], Some(&query[..end]))
            }
            Some(at) => (&target[..at], None),
            None => (target, None),
        };
        if before_query.starts_with('/') || before_query == "*" {
            return Self { scheme: None, authority: None, path: before_query, query };
        }
        let Some((scheme, rest)) = before_query.split_once("://") else {
            return Self { scheme: None, authority: Some(before_query), path: "", query };
        };
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        Self { scheme: Some(scheme), authority: Some(authority), path, query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(target: &str) -> (Option<&str>, Option<&str>, &str, Option<&str>) {
        let Target { scheme, authority, path, query } = Target::parse(target);
        (scheme, authority, path, query)
    }

    #[test]
    fn the_four_forms() {
        assert_eq!(parts("/a/b?c=d?e"), (None, None, "/a/b", Some("c=d?e")));
        assert_eq!(parts("/a#b?c"), (None, None, "/a", None));
        assert_eq!(parts("/a?b?c#d?e#f"), (None, None, "/a", Some("b?c")));
        assert_eq!(parts("/?"), (None, None, "/", Some("")));
        assert_eq!(parts("/go?to=http://x/"), (None, None, "/go", Some("to=http://x/")));
        assert_eq!(parts("*"), (None, None, "*", None));
        assert_eq!(parts("http://u:p@h:8/x?y"), (Some("http"), Some("u:p@h:8"), "/x", Some("y")));
        assert_eq!(parts("http://h?y"), (Some("http"), Some("h"), "/", Some("y")));
        assert_eq!(parts("h.example:443"), (None, Some("h.example:443"), "", None));
    }
}
