//! The parts of a request target (RFC 9112 section 3.2).

/// A request target taken apart. Nothing is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// `http` or `https` where the target is in absolute form.
    pub scheme: Option<&'a str>,
    /// `host[:port]`, perhaps with user information, in absolute form and in authority form (CONNECT).
    pub authority: Option<&'a str>,
    /// The path; empty in authority form, `*` in asterisk form.
    pub path: &'a str,
    /// What stands behind the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes `target` apart.
    pub fn parse(target: &'a str) -> Self {
        Self { scheme: None, authority: None, path: target, query: None }
    }
}
