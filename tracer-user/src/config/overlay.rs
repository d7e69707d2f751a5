//! Settings from outside the file: flags and environment variables, laid over it key by key.

use percent_encoding::percent_decode_str;
use toml::{Table, Value};

use super::{
    Config, bad_value,
    environment::Environment,
    error::{ConfigError, Place},
    file::rule_hint,
    flags::Flags,
    keys::{self, KEYS, Key, Kind},
    obi, validate,
};

/// The table that a configuration is read from, and where each key that did not come from the file was set.
pub(super) struct Settings {
    pub(super) table: Table,
    pub(super) origins: Vec<(&'static Key, Place)>,
}

impl Settings {
    /// Lays the environment over what is there.
    pub(super) fn add_environment(&mut self, env: &Environment) -> Result<(), ConfigError> {
        let env = &obi::translated(env);
        // The exporter's own variables stay in the environment: `Otlp::variable` reads them there.
        for key in KEYS.iter().filter(|key| !key.path.starts_with("export.otlp.")) {
            let Some(text) = Some(key.env).filter(|name| !name.is_empty()).and_then(|name| env.get(name))
            else {
                continue;
            };
            let place = Place::Variable(env.name_set(key.env));
            let mut value = parse(key, text, &place)?;
            if key.path == "resource.attributes"
                && let Value::Table(attributes) = &mut value
            {
                // Pod templates set service.name here for the daemon itself; it must not rename what is traced.
                attributes.retain(|name, _| !validate::is_of_one_process(name));
            }
            self.set(key, value, text, place)?;
        }
        Ok(())
    }

    /// Lays the flags over what is there.
    pub(super) fn add_flags(&mut self, flags: &Flags) -> Result<(), ConfigError> {
        let rules = [
            ("select.include", "--include", &flags.include),
            ("select.exclude", "--exclude", &flags.exclude),
        ];
        for (path, flag, rules) in rules {
            let Some(key) = keys::find(path).filter(|_| !rules.is_empty()) else { continue };
            let mut list = Vec::new();
            for text in rules {
                let place = Place::Flag(format!("{flag} '{text}'"));
                let rule = rule(text, &place)?;
                check_alone(key, Value::Array(vec![rule.clone()]), text, &place)?;
                list.push(rule);
            }
            self.insert(key, Value::Array(list), Place::Flag(flag.to_owned()));
        }
        for text in &flags.set {
            let (path, value) = text.split_once('=').ok_or_else(|| ConfigError::Malformed {
                place: Place::Flag(format!("--set {text}")),
                reason: "write it as KEY=VALUE, such as --set http.route_guess=false.".to_owned(),
            })?;
            let place = Place::Flag(format!("--set {path}"));
            let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
            let key = keys::find(path).ok_or_else(|| ConfigError::UnknownKey {
                place: place.clone(),
                key: path.to_owned(),
                hint: keys::hint(section, name),
            })?;
            let parsed = parse(key, value, &place)?;
            self.set(key, parsed, value, place)?;
        }
        Ok(())
    }

    fn set(&mut self, key: &'static Key, value: Value, text: &str, place: Place) -> Result<(), ConfigError> {
        check_alone(key, value.clone(), text, &place)?;
        self.insert(key, value, place);
        Ok(())
    }

    fn insert(&mut self, key: &'static Key, value: Value, place: Place) {
        insert(&mut self.table, key.path, value);
        self.origins.push((key, place));
    }
}

/// Puts a value at a dotted path. Tables are merged, everything else is replaced.
fn insert(table: &mut Table, path: &str, value: Value) {
    if let Some((section, rest)) = path.split_once('.') {
        let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(inner) = inner {
            insert(inner, rest, value);
        }
        return;
    }
    match (table.get_mut(path), value) {
        (Some(Value::Table(old)), Value::Table(new)) => old.extend(new),
        (_, value) => {
            table.insert(path.to_owned(), value);
        }
    }
}

fn check_alone(key: &Key, value: Value, text: &str, place: &Place) -> Result<(), ConfigError> {
    let mut table = Table::new();
    insert(&mut table, key.path, value);
    match table.try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => Err(bad_value(place.clone(), key.path, text, error.message())),
    }
}

/// Reads the text of a flag or variable as the kind of value that the key takes. Text of the wrong kind stays text,
/// for the check that follows to refuse.
fn parse(key: &Key, text: &str, place: &Place) -> Result<Value, ConfigError> {
    let plain = || Value::String(text.to_owned());
    Ok(match key.kind {
        Kind::Text => plain(),
        Kind::Integer => text.trim().parse().map_or_else(|_| plain(), Value::Integer),
        Kind::Number => text.trim().parse().map_or_else(|_| plain(), Value::Float),
        Kind::Bool => text.trim().to_ascii_lowercase().parse().map_or_else(|_| plain(), Value::Boolean),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        Kind::Pairs => Value::Table(pairs(text, place)?),
        Kind::Rules => {
            let rules = text.split(';').map(str::trim).filter(|text| !text.is_empty());
            Value::Array(rules.map(|text| rule(text, place)).collect::<Result<_, _>>()?)
        }
        Kind::Table => {
            return Err(ConfigError::Malformed {
                place: place.clone(),
                reason: format!("`{}` is a table and can only be set in the configuration file.", key.path),
            });
        }
    })
}

/// `k=v,k2=v2` with percent-encoded values, as in W3C Baggage. The text is never repeated: it may hold secrets.
fn pairs(text: &str, place: &Place) -> Result<Table, ConfigError> {
    let mut table = Table::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').filter(|(key, _)| !key.trim().is_empty()).ok_or_else(|| {
                ConfigError::Malformed {
                    place: place.clone(),
                    reason:
                        "write it as key=value,key2=value2, with a `,` or `%` inside a value percent-encoded."
                            .to_owned(),
                }
            })?;
        let value = percent_decode_str(value.trim()).decode_utf8_lossy();
        table.insert(key.trim().to_owned(), Value::String(value.into_owned()));
    }
    Ok(table)
}

/// `exe=/usr/bin/py*,port=8000-8999`. A comma ends a field only where `name=` follows, so that globs may hold commas.
fn rule(text: &str, place: &Place) -> Result<Value, ConfigError> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for piece in text.split(',') {
        let field = piece.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let field = field.filter(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        });
        match (field, fields.last_mut()) {
            (Some((name, value)), _) => fields.push((name, value.to_owned())),
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(piece);
            }
            (None, None) => {
                return Err(ConfigError::Malformed {
                    place: place.clone(),
                    reason: format!(
                        "`{text}` is no rule. Write field=value,field=value with the fields {}, such as exe=/usr/bin/py*,port=8080.",
                        keys::RULE_FIELDS.join(", ")
                    ),
                });
            }
        }
    }
    let mut rule = Table::new();
    for (name, value) in fields {
        if !keys::RULE_FIELDS.contains(&name) {
            return Err(ConfigError::UnknownKey {
                place: place.clone(),
                key: name.to_owned(),
                hint: rule_hint(name),
            });
        }
        let number = (name == "pid").then(|| value.parse().ok()).flatten();
        rule.insert(name.to_owned(), number.map_or(Value::String(value), Value::Integer));
    }
    Ok(Value::Table(rule))
}
