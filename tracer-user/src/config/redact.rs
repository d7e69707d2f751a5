//! `[redact]`: text that no attribute may have.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de};

/// Most patterns, and most bytes that one may take once it is compiled.
pub(super) const MOST: usize = 64;
const LARGEST: usize = 1 << 20;

/// What takes the place of a match, as with the values in query strings.
const REPLACEMENT: &str = "REDACTED";

/// `[redact]`: text that no attribute may have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redact {
    /// What matches becomes `REDACTED`, in every attribute that is text and in names of spans.
    #[serde(deserialize_with = "patterns")]
    pub patterns: Vec<Regex>,
}

impl Redact {
    /// The text with matches replaced; `None` if nothing matches. Takes time in proportion to the length of the text, whatever the pattern
    /// is (`regex`: no backtracking).
    pub fn apply(&self, text: &str) -> Option<String> {
        let mut redacted: Option<String> = None;
        for pattern in &self.patterns {
            let now = redacted.as_deref().unwrap_or(text);
            // An empty match has nothing to hide.
            if pattern.find_iter(now).any(|found| !found.is_empty()) {
                redacted = Some(pattern.replace_all(now, REPLACEMENT).into_owned());
            }
        }
        redacted
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }
}

impl PartialEq for Redact {
    fn eq(&self, other: &Self) -> bool {
        self.patterns.iter().map(Regex::as_str).eq(other.patterns.iter().map(Regex::as_str))
    }
}

fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Regex>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.len() > MOST {
        return Err(de::Error::custom(format_args!("there are {} of them", texts.len())));
    }
    let compile = |text: &String| {
        if text.is_empty() {
            return Err(de::Error::custom("an empty pattern matches everywhere"));
        }
        RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|error| {
            // The last line says what is wrong; those before draw where.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            de::Error::custom(format_args!("`{text}` is no pattern: {reason}"))
        })
    };
    texts.iter().map(compile).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, Environment, Flags, combine};

    fn redact(patterns: &str) -> Result<Redact, String> {
        let text = format!("[redact]\npatterns = {patterns}\n");
        let file = Some((Path::new("t.toml"), text.as_str()));
        let config: Result<Config, _> = combine(file, &Flags::default(), &Environment::default());
        config.map(|config| config.redact).map_err(|error| error.to_string())
    }

    #[test]
    fn matches_are_replaced_and_all_else_stays() {
        let redact = redact(r"['[0-9]{16}', '[\w.]+@[\w.]+']").unwrap();
        assert_eq!(redact.apply("/cards/4111111111111111/x"), Some("/cards/REDACTED/x".to_owned()));
        assert_eq!(redact.apply("/a.b@c.org/4111111111111111"), Some("/REDACTED/REDACTED".to_owned()));
        assert_eq!(redact.apply("/users/7"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (patterns, reason) in [
            ("['(']", "unclosed group"),
            ("['']", "empty pattern"),
            ("['((a{100}){100}){100}']", "size limit"),
            (&format!("[{}]", vec!["'a'"; MOST + 1].join(",")), "there are 65 of them"),
        ] {
            let error = redact(patterns).unwrap_err();
            assert!(error.contains(reason) && error.contains("t.toml:2:12"), "{patterns}: {error}");
        }
    }

    proptest! {
        /// What was found once is not there afterwards.
        #[test]
        fn nothing_that_matches_is_left(text in ".{0,60}[0-9]{9}.{0,60}") {
            let redact = redact("['[0-9]{3,}']").unwrap();
            let redacted = redact.apply(&text).unwrap();
            prop_assert_eq!(redact.apply(&redacted), None);
        }
    }
}
