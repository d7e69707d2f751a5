//! The token that a server beyond loopback asks for.

use subtle::ConstantTimeEq as _;

/// Whether a request's `authorization` header carries the token: `Bearer <token>` (RFC 6750, section 2.1). Without a token every request is good.
///
/// The comparison takes as long for a wrong token as for the right one.
pub(crate) fn is_good(token: Option<&str>, header: Option<&[u8]>) -> bool {
    let Some(token) = token else { return true };
    let Some(given) = header.and_then(|header| {
        let (scheme, rest) = header.split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
    }) else {
        return false;
    };
    given.ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::is_good;

    #[test]
    fn only_the_token_itself_is_good() {
        assert!(is_good(None, None));
        assert!(is_good(Some("abc"), Some(b"Bearer abc")));
        assert!(is_good(Some("abc"), Some(b"bearer  abc")));
        let wrong: [&[u8]; 6] = [b"", b"abc", b"Bearer", b"Bearer ", b"Bearer abcd", b"Basic abc"];
        for header in wrong {
            assert!(!is_good(Some("abc"), Some(header)));
        }
        assert!(!is_good(Some("abc"), None));
    }
}
