//! Routes as the user writes them.

/// Bytes of a pattern.
pub const MAX_PATTERN: usize = 1024;

/// A compiled list of route patterns.
///
/// | pattern | matches |
/// |---|---|
/// | `/users/:id`, `/users/{id}` | one segment, not empty, in the place of the parameter |
/// | `/files/*/raw` | the same, without a name |
/// | `/static/*` | at the end: everything below `/static/` |
///
/// Everything else is compared as it is. The first pattern that matches wins.
#[derive(Clone, Debug, Default)]
pub struct RoutePatterns {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    segments: Vec<Segment>,
    /// Ends in `*`: anything may follow the segments.
    open: bool,
}

#[derive(Clone, Debug)]
enum Segment {
    Is(String),
    Any,
}

/// Why a pattern was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Patterns describe whole paths.
    #[error(
        "the route pattern {pattern:?} does not start with '/': write the whole path, for example \"/users/:id\""
    )]
    NotAPath {
        /// The pattern as given.
        pattern: String,
    },
    /// A parameter or wildcard fills a whole segment.
    #[error(
        "in the route pattern {pattern:?} the segment {segment:?} is half text and half parameter: \
         a parameter (\":id\", \"{{id}}\") or '*' has to be the whole segment"
    )]
    MixedSegment {
        /// The pattern as given.
        pattern: String,
        /// The segment in question.
        segment: String,
    },
    /// A parameter without name.
    #[error(
        "in the route pattern {pattern:?} a parameter has no name: write \":id\" or \"{{id}}\", or '*' for any segment"
    )]
    NoName {
        /// The pattern as given.
        pattern: String,
    },
    /// Paths have no query here.
    #[error(
        "the route pattern {pattern:?} holds a query or fragment: routes are matched against the path alone"
    )]
    NotPathOnly {
        /// The pattern as given.
        pattern: String,
    },
    /// Longer than [`MAX_PATTERN`].
    #[error("the route pattern that starts with {start:?} is longer than {MAX_PATTERN} bytes")]
    TooLong {
        /// Its first characters.
        start: String,
    },
}

impl RoutePatterns {
    /// Compiles patterns, the one that is to win first.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let patterns =
            patterns.iter().map(|pattern| Pattern::compile(pattern.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// No pattern: nothing will match.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The pattern, as the user wrote it, that matches `path` (a path without query).
    pub fn find(&self, path: &str) -> Option<&str> {
        let path = path.strip_prefix('/')?;
        self.patterns.iter().find(|pattern| pattern.matches(path)).map(|pattern| pattern.text.as_str())
    }
}

impl Pattern {
    fn compile(text: &str) -> Result<Self, PatternError> {
        let pattern = text.to_owned();
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong { start: text.chars().take(40).collect() });
        }
        let Some(path) = text.strip_prefix('/') else { return Err(PatternError::NotAPath { pattern }) };
        if path.contains(['?', '#']) {
            return Err(PatternError::NotPathOnly { pattern });
        }
        let (path, open) = match path.strip_suffix('*') {
            Some(before) if before.is_empty() || before.ends_with('/') => {
                (before.trim_end_matches('/'), true)
            }
            _ => (path, false),
        };
        let mut segments = Vec::new();
        if !(open && path.is_empty()) {
            for segment in path.split('/') {
                segments.push(Segment::compile(segment, text)?);
            }
        }
        Ok(Self { text: pattern, segments, open })
    }

    /// `path` comes without its first slash.
    fn matches(&self, path: &str) -> bool {
        let mut rest = Some(path);
        for segment in &self.segments {
            let Some(text) = rest else { return false };
            let (first, tail) = match text.split_once('/') {
                Some((first, tail)) => (first, Some(tail)),
                None => (text, None),
            };
            let fits = match segment {
                Segment::Is(literal) => literal == first,
                Segment::Any => !first.is_empty(),
            };
            if !fits {
                return false;
            }
            rest = tail;
        }
        // Open: a slash has to follow the segments, so that /static/* leaves /static alone.
        self.open == rest.is_some()
    }
}

impl Segment {
    fn compile(segment: &str, pattern: &str) -> Result<Self, PatternError> {
        let name = segment
            .strip_prefix(':')
            .or_else(|| segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')));
        match name {
            _ if segment == "*" => Ok(Self::Any),
            Some("") => Err(PatternError::NoName { pattern: pattern.to_owned() }),
            Some(name) if !name.contains(['{', '}', '*', ':']) => Ok(Self::Any),
            None if !segment.contains(['{', '}', '*']) => Ok(Self::Is(segment.to_owned())),
            _ => Err(PatternError::MixedSegment { pattern: pattern.to_owned(), segment: segment.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_match_wins() {
        let patterns = RoutePatterns::new(&[
            "/users/me",
            "/users/:id",
            "/users/{id}/orders/{order}",
            "/files/*/raw",
            "/static/*",
            "/",
            "/end/",
        ])
        .unwrap();
        for (path, expected) in [
            ("/users/me", Some("/users/me")),
            ("/users/42", Some("/users/:id")),
            ("/users/42/orders/x", Some("/users/{id}/orders/{order}")),
            ("/users/42/orders", None),
            ("/users/", None),
            ("/users", None),
            ("/files/a/raw", Some("/files/*/raw")),
            ("/files/a/b/raw", None),
            ("/static/a/b.js", Some("/static/*")),
            ("/static/", Some("/static/*")),
            ("/static", None),
            ("/staticx/a", None),
            ("/", Some("/")),
            ("/end/", Some("/end/")),
            ("/end", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(patterns.find(path), expected, "{path}");
        }
    }

    #[test]
    fn a_lone_star_matches_every_path() {
        let patterns = RoutePatterns::new(&["/*"]).unwrap();
        assert_eq!(patterns.find("/"), Some("/*"));
        assert_eq!(patterns.find("/a/b"), Some("/*"));
        assert!(RoutePatterns::default().is_empty() && !patterns.is_empty());
    }

    #[test]
    fn refusals_say_what_to_write() {
        let refused = |pattern: &str| RoutePatterns::new(&[pattern]).unwrap_err().to_string();
        assert!(refused("users/:id").contains("does not start with '/'"));
        assert!(refused("/a/:").contains("no name"));
        assert!(refused("/a/{}").contains("no name"));
        assert!(refused("/a/x{id}").contains("\"x{id}\" is half text"));
        assert!(refused("/a/b*").contains("half text"));
        assert!(refused("/a/**/b").contains("half text"));
        assert!(refused("/a?b=:c").contains("path alone"));
        assert!(refused(&format!("/{}", "a".repeat(MAX_PATTERN))).contains("longer than 1024"));
    }
}
