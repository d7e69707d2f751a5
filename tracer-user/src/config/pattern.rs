//! The matchers that a selection rule is made of.

use std::{borrow::Cow, fmt, ops::RangeInclusive, path::Path, str::FromStr};

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Deserializer, de};

/// A glob over text that is not a path: a command line, a container or a service name.
///
/// `*` matches any characters, `?` one, `[ab]` one of a set, `{a,b}` alternatives; the whole text must match.
#[derive(Clone)]
pub struct TextPattern {
    text: Box<str>,
    matcher: GlobMatcher,
}

/// A glob over the path of an executable.
///
/// With a `/` in it the whole path must match and `*` stays within one directory (`**` crosses them);
/// without one only the file name is compared.
#[derive(Clone)]
pub struct PathPattern {
    text: Box<str>,
    matcher: GlobMatcher,
}

/// One TCP port or an inclusive range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortRange(RangeInclusive<u16>);

/// Why a pattern or a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// The glob does not parse.
    #[error("{0}")]
    Glob(String),
    /// Not a port number and not a range of them.
    #[error("a port is a number from 1 to 65535 or a range such as \"8000-8999\"")]
    Port,
    /// The range ends before it starts.
    #[error("the range ends before it starts")]
    EmptyRange,
}

fn glob(text: &str, separator: bool) -> Result<GlobMatcher, PatternError> {
    GlobBuilder::new(text)
        .literal_separator(separator)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| PatternError::Glob(error.kind().to_string()))
}

// === impl TextPattern ===

impl TextPattern {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TextPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.into(), matcher: glob(text, false)? })
    }
}

// === impl PathPattern ===

impl PathPattern {
    /// Whether `path`, or its file name where the pattern has no `/`, matches.
    pub fn matches(&self, path: &Path) -> bool {
        if self.text.contains('/') {
            self.matcher.is_match(path)
        } else {
            path.file_name().is_some_and(|name| self.matcher.is_match(Path::new(name)))
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.into(), matcher: glob(text, false)? })
    }
}

macro_rules! pattern_traits {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.text, f)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

pattern_traits!(TextPattern, PathPattern);

// === impl PortRange ===

impl PortRange {
    /// Whether `port` lies in the range.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }

    /// First and last port.
    pub fn bounds(&self) -> (u16, u16) {
        (*self.0.start(), *self.0.end())
    }
}

impl FromStr for PortRange {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(PatternError::Port),
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        if last < first { Err(PatternError::EmptyRange) } else { Ok(Self(first..=last)) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bounds() {
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = PortRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number or a range such as \"8000-8999\"")
            }

            fn visit_i64<E: de::Error>(self, port: i64) -> Result<PortRange, E> {
                port.to_string().parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, port: u64) -> Result<PortRange, E> {
                port.to_string().parse().map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PortRange, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
