//! What can be wrong with a configuration, said so that it can be put right.

use std::{fmt, io, path::PathBuf};

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A spot in a file; line and column count from one, columns in characters.
    File {
        /// The file.
        path: PathBuf,
        /// Line.
        line: u32,
        /// Column.
        column: u32,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, as it was typed.
    Flag(String),
    /// Nowhere: the value is the default.
    Default,
}

/// Why a configuration cannot be used. Every message names the place, the key or value, and what is right.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("The configuration file {} cannot be read: {source}. Name another with --config, or make it readable.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{place}: this is not valid TOML: {message}.")]
    Syntax {
        /// Where the parser stopped.
        place: Place,
        /// What the parser said.
        message: String,
    },
    /// A key that does not exist.
    #[error("{place}: there is no key `{key}`. {hint}")]
    UnknownKey {
        /// Where it was written.
        place: Place,
        /// As written, with its section.
        key: String,
        /// The nearest right key, or all of them.
        hint: String,
    },
    /// A value that the key cannot take.
    #[error("{place}: `{key}` cannot be {value}{}. It must be {expects}.", detail(reason))]
    BadValue {
        /// Where it was written.
        place: Place,
        /// The key.
        key: String,
        /// The value as written; hidden where it may be a secret.
        value: String,
        /// More on what is wrong with it; may be empty.
        reason: Box<str>,
        /// What the key takes.
        expects: Box<str>,
    },
    /// A flag or a variable that is not written as it should be.
    #[error("{place}: {reason}")]
    Malformed {
        /// The flag or variable.
        place: Place,
        /// What is wrong and how it should be, in full sentences.
        reason: String,
    },
}

impl ConfigError {
    /// The exit code of a command that stops for this reason: the one for wrong usage.
    pub const EXIT_CODE: u8 = 2;
}

fn detail(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(text) => write!(f, "flag {text}"),
            Self::Default => f.write_str("configuration"),
        }
    }
}
