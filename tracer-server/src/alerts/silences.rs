//! Alerts that nobody is to be told of for a while.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::pattern::Pattern;

/// Silences at a time.
const MOST: usize = 1000;
/// Longest silence, nanoseconds: a year.
const LONGEST_NS: u64 = 366 * 86_400_000_000_000;

/// A silence that is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    /// Labels of the alerts that are meant; values may have `*`.
    pub(crate) matchers: BTreeMap<String, String>,
    /// A duration such as `2h`.
    pub(crate) lasts: String,
    /// Why.
    #[serde(default)]
    pub(crate) comment: String,
}

/// A silence.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Silence {
    /// Its number.
    pub(crate) id: u64,
    /// Labels of the alerts that are meant.
    pub(crate) matchers: BTreeMap<String, String>,
    /// When it ends, nanoseconds since 1970.
    pub(crate) until_ns: u64,
    /// Why.
    pub(crate) comment: String,
}

/// A silence that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SilenceError {
    /// It would silence everything.
    #[error("A silence needs at least one matcher, such as {{\"service\": \"shop\"}}.")]
    Everything,
    /// It does not say for how long.
    #[error("`lasts` is {0:?}; it must be a duration of at most a year, such as 30m or 2h.")]
    Duration(String),
    /// There are too many.
    #[error("There are {MOST} silences already; delete some.")]
    TooMany,
    /// It cannot be written down.
    #[error("The silence cannot be stored: {0}.")]
    Write(#[from] io::Error),
}

/// Every silence, on disk too.
#[derive(Debug)]
pub(crate) struct Silences {
    file: PathBuf,
    list: Vec<Silence>,
}

impl Silences {
    /// Those of a data directory. A file that cannot be read is as good as none: it is said, and alerts are heard.
    pub(crate) fn open(directory: &Path) -> Self {
        let file = directory.join("silences.json");
        let list = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(file = %file.display(), %error, "the silences cannot be read; nothing is silenced");
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the silences cannot be read; nothing is silenced");
                Vec::new()
            }
        };
        Self { file, list }
    }

    /// Adds one; returns its number.
    pub(crate) fn add(&mut self, new: NewSilence, now_ns: u64) -> Result<u64, SilenceError> {
        self.list.retain(|silence| silence.until_ns > now_ns);
        if new.matchers.is_empty() {
            return Err(SilenceError::Everything);
        }
        let lasts_ns = crate::query::parse_duration(&new.lasts).filter(|ns| (1..=LONGEST_NS).contains(ns));
        let Some(lasts_ns) = lasts_ns else { return Err(SilenceError::Duration(new.lasts)) };
        if self.list.len() >= MOST {
            return Err(SilenceError::TooMany);
        }
        let id = self.list.iter().map(|silence| silence.id).max().unwrap_or(0) + 1;
        self.list.push(Silence {
            id,
            matchers: new.matchers,
            until_ns: now_ns + lasts_ns,
            comment: new.comment,
        });
        self.write()?;
        Ok(id)
    }

    /// Ends one; false if there is none of this number.
    pub(crate) fn remove(&mut self, id: u64) -> Result<bool, SilenceError> {
        let before = self.list.len();
        self.list.retain(|silence| silence.id != id);
        if self.list.len() == before {
            return Ok(false);
        }
        self.write()?;
        Ok(true)
    }

    /// The silence that an alert with these labels is under.
    pub(crate) fn of(&self, labels: &BTreeMap<String, String>, now_ns: u64) -> Option<&Silence> {
        self.list.iter().filter(|silence| silence.until_ns > now_ns).find(|silence| {
            silence.matchers.iter().all(|(name, value)| {
                labels.get(name).is_some_and(|label| Pattern::new(value.clone()).matches(label))
            })
        })
    }

    /// Those that have not ended.
    pub(crate) fn active(&self, now_ns: u64) -> impl Iterator<Item = &Silence> {
        self.list.iter().filter(move |silence| silence.until_ns > now_ns)
    }

    fn write(&self) -> io::Result<()> {
        let new = self.file.with_extension("json.new");
        fs::write(&new, serde_json::to_vec_pretty(&self.list)?)?;
        fs::rename(&new, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(matchers: &[(&str, &str)], lasts: &str) -> NewSilence {
        let matchers = matchers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        NewSilence { matchers, lasts: lasts.to_owned(), comment: String::new() }
    }

    #[test]
    fn silences_end_and_outlive_the_server() {
        let directory = tempfile::tempdir().unwrap();
        let mut silences = Silences::open(directory.path());
        let labels: BTreeMap<String, String> =
            [("service", "shop"), ("severity", "page")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        silences.add(new(&[("service", "sh*"), ("severity", "page")], "1m"), 1000).unwrap();
        let other = silences.add(new(&[("team", "a")], "2m"), 1000).unwrap();
        let mut silences = Silences::open(directory.path());
        assert_eq!(silences.of(&labels, 1000).map(|silence| silence.id), Some(1));
        assert!(silences.of(&labels, 1000 + 60_000_000_000).is_none());
        assert!(silences.remove(other).unwrap() && !silences.remove(other).unwrap());
        assert_eq!(silences.active(1000).count(), 1);
    }

    #[test]
    fn silences_that_make_no_sense_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut silences = Silences::open(directory.path());
        assert!(matches!(silences.add(new(&[], "1m"), 0), Err(SilenceError::Everything)));
        for lasts in ["", "x", "0", "9999d"] {
            assert!(
                matches!(silences.add(new(&[("a", "b")], lasts), 0), Err(SilenceError::Duration(_))),
                "{lasts}"
            );
        }
    }
}
