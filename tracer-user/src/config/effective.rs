//! Every key with the value that is in force and where it comes from, and the JSON schema of the file.
//!
//! Both are made from the table of keys and the example file, whose values are the defaults.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};
use toml::{Table, Value};

use super::{
    ConfigError, Environment, Flags, Place,
    file::Document,
    keys::{KEYS, Key, Kind},
    overlay::Settings,
    source,
};

/// The example: every key with its default and what it does.
pub const EXAMPLE: &str = include_str!("../../../deploy/tracer.example.toml");

/// What stands for the values of headers, which may be secrets.
const HIDDEN: &str = "(not shown)";

/// The configuration in force, a key on each line, which is a configuration file again but for secrets.
pub fn print(flags: &Flags, env: &Environment) -> Result<String, ConfigError> {
    let source = source(flags, env)?;
    let file = source.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    super::combine(file, flags, env)?;
    let document = file.map(|(path, text)| Document::parse(path, text)).transpose()?;
    let settings = lay(document.as_ref(), flags, env)?;
    let defaults = defaults();
    let mut text = String::new();
    for key in KEYS {
        let outside = settings.origins.iter().rev().find(|(other, _)| *other == key);
        let in_file = || document.as_ref().and_then(|document| document.locate(key.path));
        // The exporter reads its own variables, which only a flag wins over.
        let variable = Some(key.env).filter(|_| key.path.starts_with("export.otlp.") && outside.is_none());
        let (value, place) = if let Some(value) = variable.and_then(|name| env.get(name)) {
            (Some(Value::String(value.to_owned())), Place::Variable(key.env.to_owned()))
        } else if let Some((_, place)) = outside {
            (find(&settings.table, key.path), place.clone())
        } else if let Some((place, _)) = in_file() {
            (find(&settings.table, key.path), place)
        } else {
            (find(&defaults, key.path), Place::Default)
        };
        let mut value = value.unwrap_or_else(|| Value::String(String::new()));
        if key.path == "export.otlp.headers" && !value.is_table() {
            value = Value::String(HIDDEN.to_owned());
        }
        hide(key.path, &mut value);
        let from = match place {
            Place::Default => String::new(),
            place => format!("  # {place}"),
        };
        // Writing to memory does not fail.
        let _ = writeln!(text, "{} = {value}{from}", key.path);
    }
    Ok(text)
}

/// Which keys have another value in one of two configurations, such as before and after a file was changed.
pub fn differences(before: &Table, after: &Table) -> Vec<&'static str> {
    let defaults = defaults();
    let value = |table: &Table, path: &str| find(table, path).or_else(|| find(&defaults, path));
    let keys = KEYS.iter().map(|key| key.path);
    keys.filter(|path| value(before, path) != value(after, path)).collect()
}

/// Makes the value of a key in `to` what it is in `from`.
pub fn copy(path: &str, from: &Table, to: &mut Table) {
    let value = find(from, path).or_else(|| find(&defaults(), path));
    if let Some(value) = value {
        replace(to, path, value);
    }
}

fn replace(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                replace(inner, rest, value);
            }
        }
    }
}

/// What is set anywhere, for [`differences`].
pub fn values(flags: &Flags, env: &Environment) -> Result<Table, ConfigError> {
    let source = source(flags, env)?;
    let file = source.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    let document = file.map(|(path, text)| Document::parse(path, text)).transpose()?;
    Ok(lay(document.as_ref(), flags, env)?.table)
}

fn lay(document: Option<&Document<'_>>, flags: &Flags, env: &Environment) -> Result<Settings, ConfigError> {
    let table = document.map(Document::table).unwrap_or_default();
    let mut settings = Settings { table, origins: Vec::new() };
    settings.add_environment(env)?;
    settings.add_flags(flags)?;
    Ok(settings)
}

/// A JSON schema (draft 2020-12) of the file.
pub fn schema() -> Json {
    let mut root = section();
    let defaults = defaults();
    for key in KEYS {
        let mut at = &mut root;
        let mut names: Vec<&str> = key.path.split('.').collect();
        let leaf = names.pop().unwrap_or_default();
        for name in names {
            at = &mut at["properties"][name];
            if at.is_null() {
                *at = section();
            }
        }
        at["properties"][leaf] = property(key, find(&defaults, key.path).as_ref());
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("The configuration of tracer, as TOML");
    root
}

fn section() -> Json {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn property(key: &Key, default: Option<&Value>) -> Json {
    let mut property = match key.kind {
        Kind::Table if default.is_some_and(Value::is_table) => json!({ "type": "object" }),
        Kind::Table | Kind::Rules => json!({ "type": "array", "items": { "type": "object" } }),
        Kind::Pairs => json!({ "type": "object" }),
        Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Text => json!({ "type": "string" }),
    };
    let variable = if key.env.is_empty() { String::new() } else { format!(" Variable: {}.", key.env) };
    property["description"] = json!(format!("It must be {}.{variable}", key.expects));
    property["default"] = default.map(to_json).unwrap_or_default();
    property
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::String(text) => json!(text),
        Value::Integer(number) => json!(number),
        Value::Float(number) => json!(number),
        Value::Boolean(truth) => json!(truth),
        Value::Datetime(time) => json!(time.to_string()),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Table(table) => Json::Object(
            table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect::<Map<_, _>>(),
        ),
    }
}

fn defaults() -> Table {
    // A test says that it is TOML.
    EXAMPLE.parse().unwrap_or_default()
}

fn find(table: &Table, path: &str) -> Option<Value> {
    let mut names = path.split('.');
    let first = table.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name)).cloned()
}

/// Hides the values of headers, here and in tables below.
fn hide(path: &str, value: &mut Value) {
    match value {
        Value::Table(table) if path.ends_with("headers") => {
            table.iter_mut().for_each(|(_, value)| *value = Value::String(HIDDEN.to_owned()));
        }
        Value::Table(table) => table.iter_mut().for_each(|(name, value)| hide(name, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(path, item)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn print_with(text: &str, set: &[&str], env: &[(&str, &str)]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tracer.toml");
        std::fs::write(&path, text).unwrap();
        let flags = Flags {
            config: Some(path.clone()),
            set: set.iter().map(|&text| text.to_owned()).collect(),
            ..Flags::default()
        };
        let printed = print(&flags, &env.iter().copied().collect()).unwrap();
        printed.replace(&path.display().to_string(), "FILE")
    }

    #[test]
    fn what_is_printed_is_the_configuration_again() {
        let printed = print_with("", &[], &[]);
        assert_eq!(printed.lines().count(), KEYS.len());
        let again = |text: &str| {
            let file = Some((Path::new("again.toml"), text));
            super::super::combine(file, &Flags::default(), &Environment::default()).unwrap()
        };
        assert_eq!(again(&printed), super::super::Config::default());
        let changed = print_with(
            "[http]\nroute_guess = false\n[export]\ntargets = [{ name = \"a\", kind = \"file\" }]\n",
            &["log.level=warn"],
            &[("TRACER_TLS_ENABLED", "false")],
        );
        let config = again(&changed);
        assert!(!config.http.route_guess && !config.tls.enabled && config.export.targets.len() == 1);
        for line in [
            "http.route_guess = false  # FILE:2:15",
            "log.level = \"warn\"  # flag --set log.level",
            "tls.enabled = false  # environment variable TRACER_TLS_ENABLED",
            "export.batch_spans = 512",
        ] {
            assert!(changed.lines().any(|printed| printed == line), "{line} is not in\n{changed}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let file = "[export]\ntargets = [{ name = \"a\", kind = \"zipkin\", endpoint = \"http://b\", headers = { \
                    k = \"hush\" } }]\n[export.otlp]\nheaders = { authorization = \"hush\" }\n";
        let printed = print_with(file, &[], &[]);
        assert!(printed.contains("authorization") && !printed.contains("hush"), "{printed}");
        let printed = print_with("", &[], &[("OTEL_EXPORTER_OTLP_HEADERS", "k=hush")]);
        assert!(printed.contains("(not shown)") && !printed.contains("hush"), "{printed}");
    }

    #[test]
    fn what_is_wrong_is_an_error() {
        let flags = Flags { config: Some(PathBuf::from("/nowhere/at/all")), ..Flags::default() };
        assert!(print(&flags, &Environment::default()).is_err());
    }

    #[test]
    fn the_schema_has_every_key_and_no_other() {
        let schema = schema();
        let mut leaves = 0;
        for key in KEYS {
            let pointer = key.path.replace('.', "/properties/");
            let property = schema.pointer(&format!("/properties/{pointer}")).expect(key.path);
            assert!(
                !property["type"].is_null() && !property["default"].is_null(),
                "{}: {property}",
                key.path
            );
            assert!(property["description"].as_str().unwrap().contains(key.env));
            let default = &property["default"];
            let is_its_type = match property["type"].as_str().unwrap() {
                "object" => default.is_object(),
                "array" => default.is_array(),
                "integer" => default.is_i64(),
                "number" => default.is_number(),
                "boolean" => default.is_boolean(),
                _ => default.is_string(),
            };
            assert!(is_its_type, "{}: {property}", key.path);
            leaves += 1;
        }
        assert_eq!(schema.to_string().matches("\"default\":").count(), leaves);
    }
}
