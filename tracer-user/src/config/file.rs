//! The file: read, parsed with positions, unknown keys found before anything is interpreted.

use std::{fs::File, io, io::Read, ops::Range, path::Path};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::{
    Config,
    error::{ConfigError, Place},
    keys,
};

/// More than any configuration needs; keeps a wrong `--config /dev/zero` from filling the memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A parsed file that still knows where everything stands.
pub(super) struct Document<'a> {
    path: &'a Path,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
}

/// Reads a file of bounded size.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
    }
    Ok(text)
}

impl<'a> Document<'a> {
    /// Parses `text` and checks that every key exists and every value alone is usable.
    pub(super) fn parse(path: &'a Path, text: &'a str) -> Result<Self, ConfigError> {
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            place: place(path, text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let document = Self { path, text, root };
        document.check_keys()?;
        if let Err(error) = Config::deserialize(Deserializer::from(document.root.clone())) {
            return Err(document.bad_value(error.span().unwrap_or_default(), error.message()));
        }
        Ok(document)
    }

    /// The values without their positions.
    pub(super) fn table(&self) -> toml::Table {
        toml::Table::deserialize(Deserializer::from(self.root.clone())).unwrap_or_default()
    }

    /// Where the value of a key stands and how it is written there.
    pub(super) fn locate(&self, path: &str) -> Option<(Place, String)> {
        let span = values(self.root.get_ref()).into_iter().find(|(name, _)| name == path)?.1;
        Some((self.place(span.start), self.text.get(span).unwrap_or_default().to_owned()))
    }

    fn place(&self, offset: usize) -> Place {
        place(self.path, self.text, offset)
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        let mut unknown = Vec::new();
        unknown_keys("", self.root.get_ref(), &mut unknown);
        let Some((offset, section, name)) = unknown.into_iter().min_by_key(|(offset, ..)| *offset) else {
            return Ok(());
        };
        let hint = match keys::owner(&section) {
            Some(_) => rule_hint(&name),
            None => keys::hint(&section, &name),
        };
        Err(ConfigError::UnknownKey { place: self.place(offset), key: keys::join(&section, &name), hint })
    }

    fn bad_value(&self, span: Range<usize>, message: &str) -> ConfigError {
        let holds = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
        let innermost = values(self.root.get_ref())
            .into_iter()
            .filter(|(_, outer)| holds(outer))
            .min_by_key(|(_, outer)| outer.len());
        let (key, span) = innermost.unwrap_or((String::new(), span));
        super::bad_value(self.place(span.start), &key, self.text.get(span).unwrap_or_default(), message)
    }
}

/// What to tell somebody who wrote an unknown field in a rule.
pub(super) fn rule_hint(wrong: &str) -> String {
    match keys::nearest(wrong, keys::RULE_FIELDS.into_iter()) {
        Some(name) => format!("Did you mean `{name}`?"),
        None => format!("The fields of a rule are {}.", keys::RULE_FIELDS.join(", ")),
    }
}

/// Every key that does not exist: offset, section, name.
fn unknown_keys(section: &str, table: &DeTable<'_>, unknown: &mut Vec<(usize, String, String)>) {
    for (name, value) in table {
        let path = keys::join(section, name.get_ref());
        match (keys::find(&path), value.get_ref()) {
            (Some(key), DeValue::Array(rules)) if key.kind == keys::Kind::Rules => {
                for (index, rule) in rules.iter().enumerate() {
                    let fields = rule.get_ref().as_table().into_iter().flatten();
                    let wrong =
                        fields.filter(|(field, _)| !keys::RULE_FIELDS.contains(&field.get_ref().as_ref()));
                    unknown.extend(wrong.map(|(field, _)| {
                        (field.span().start, format!("{path}[{index}]"), field.get_ref().clone().into_owned())
                    }));
                }
            }
            (Some(_), _) => {}
            (None, DeValue::Table(inner)) if keys::is_section(&path) => unknown_keys(&path, inner, unknown),
            // A section that is no table is a wrong value, found when it is read as one.
            (None, _) if keys::is_section(&path) => {}
            (None, _) => {
                unknown.push((name.span().start, section.to_owned(), name.get_ref().clone().into_owned()));
            }
        }
    }
}

/// Every value with its full name (`select.include[0].port`) and where it stands.
fn values(table: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    fn visit(path: String, value: &Spanned<DeValue<'_>>, found: &mut Vec<(String, Range<usize>)>) {
        match value.get_ref() {
            DeValue::Table(table) => {
                for (name, inner) in table {
                    visit(keys::join(&path, name.get_ref()), inner, found);
                }
            }
            DeValue::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    visit(format!("{path}[{index}]"), inner, found);
                }
            }
            _ => {}
        }
        found.push((path, value.span()));
    }

    let mut found = Vec::new();
    for (name, value) in table {
        visit(name.get_ref().clone().into_owned(), value, &mut found);
    }
    found
}

fn place(path: &Path, text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place::File {
        path: path.to_owned(),
        line: before.matches('\n').count() as u32 + 1,
        column: before[line_start..].chars().count() as u32 + 1,
    }
}
