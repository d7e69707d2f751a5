//! Python programs: scripts, modules and the servers that load an application by name.

use super::interpreter::{self, value_of};

/// Servers whose argument `package.module:application` says what they serve.
const APP_SERVERS: [&str; 6] = ["daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "waitress-serve"];

/// What python runs, by its arguments: python(1), "Command line".
pub(super) fn program(arguments: &[String]) -> Option<String> {
    let mut index = 0;
    loop {
        let argument = arguments.get(index)?.as_str();
        index += 1;
        if !argument.starts_with('-') {
            return run(interpreter::stem(argument), argument, &arguments[index..]);
        }
        if let Some(long) = argument.strip_prefix("--") {
            index += usize::from(long == "check-hash-based-pycs");
            continue;
        }
        // Short options may be bundled ("-um"); the first that takes a value takes the rest or the next argument.
        let Some(at) = argument.find(['m', 'c', 'W', 'X']).filter(|at| *at > 0) else {
            if argument == "-" {
                return None;
            }
            continue;
        };
        let attached = &argument[at + 1..];
        match &argument[at..=at] {
            "c" => return None,
            "m" => {
                let module = if attached.is_empty() { arguments.get(index)?.as_str() } else { attached };
                index += usize::from(attached.is_empty());
                let module = module.strip_suffix(".__main__").unwrap_or(module);
                return run_module(module, &arguments[index..]);
            }
            _ => index += usize::from(attached.is_empty()),
        }
    }
}

fn run(stem: &str, path: &str, arguments: &[String]) -> Option<String> {
    launched(stem, arguments).or_else(|| interpreter::file_name(path))
}

fn run_module(module: &str, arguments: &[String]) -> Option<String> {
    launched(module, arguments).or_else(|| Some(module.to_owned()).filter(|module| !module.is_empty()))
}

/// The application that a well-known launcher was told to run.
fn launched(launcher: &str, arguments: &[String]) -> Option<String> {
    match launcher {
        "celery" => celery(arguments),
        "flask" => value_of(arguments, &["--app", "-A"]).map(application),
        "streamlit" | "fastapi" => {
            let script =
                arguments.iter().skip(1).find(|argument| interpreter::has_extension(argument, "py"))?;
            interpreter::file_name(script)
        }
        server if APP_SERVERS.contains(&server) => served(arguments).map(module_name),
        _ => None,
    }
}

/// The application of a Celery worker.
pub(super) fn celery(arguments: &[String]) -> Option<String> {
    value_of(arguments, &["-A", "--app"]).map(application)
}

/// A module (`shop.web:create_app()`) or a file (`services/shop.py`).
fn application(text: &str) -> String {
    let module = text.split(':').next().unwrap_or(text);
    match module.strip_suffix(".py") {
        Some(_) => interpreter::file_name(module).unwrap_or_default(),
        None => module_name(text),
    }
}

/// The argument `package.module:application`; else a last argument that is a bare module (`gunicorn shop.wsgi`).
fn served(arguments: &[String]) -> Option<&str> {
    let named = |text: &&str| {
        text.split_once(':').is_some_and(|(module, application)| {
            is_module(module)
                && application.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
        })
    };
    let after =
        |option: Option<&str>| option.is_some_and(|option| option.starts_with('-') && !option.contains('='));
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // A value such as that of "-c python:settings" must not pass for the application.
    let positional = words
        .iter()
        .enumerate()
        .find(|(index, word)| named(word) && !config_option(index.checked_sub(1).map(|at| words[at])));
    positional.map(|(_, word)| *word).or_else(|| {
        let last = words.last().copied().filter(|word| is_module(word))?;
        let before = words.len().checked_sub(2).map(|at| words[at]);
        (!after(before)).then_some(last)
    })
}

fn config_option(option: Option<&str>) -> bool {
    matches!(option, Some("-c" | "--config" | "-k" | "--worker-class" | "--logger-class"))
}

fn is_module(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty()
            && !part.starts_with(|char: char| char.is_ascii_digit())
            && part.chars().all(|char| char.is_alphanumeric() || char == '_')
    })
}

/// The name in `package.module:application`: the module without last parts that every project has
/// (`shop.wsgi:application` is `shop`, `orders.api:app` is `orders.api`, `main:app` is `main`).
pub(super) fn module_name(text: &str) -> String {
    let mut module = text.split(':').next().unwrap_or(text).trim();
    while let Some((package, last)) = module.rsplit_once('.')
        && interpreter::is_generic(last)
    {
        module = package;
    }
    module.to_owned()
}
