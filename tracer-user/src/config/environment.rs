//! The environment as a value, so that loading a config is a function of its input.

use std::collections::BTreeMap;

/// Environment variables; those that are not UTF-8 are left out.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Names of ours that those of other tools stand in for.
    stand_ins: BTreeMap<&'static str, String>,
}

impl Environment {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable; an empty one counts as unset (OpenTelemetry specification, "Parsing empty value").
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Sets `ours` because `theirs` is set.
    pub(super) fn stand_in(&mut self, ours: &'static str, theirs: &str, value: String) {
        self.stand_ins.insert(ours, theirs.to_owned());
        self.variables.insert(ours.to_owned(), value);
    }

    /// What the user has set where this variable of ours has a value.
    pub(super) fn name_set(&self, ours: &str) -> String {
        self.stand_ins.get(ours).cloned().unwrap_or_else(|| ours.to_owned())
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, stand_ins: BTreeMap::new() }
    }
}
