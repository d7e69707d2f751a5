//! Interpreters and runtimes: the program is one of their arguments.

use std::path::Path;

use super::{java, process::ProcessFacts, python};

/// A runtime whose executable does not say what runs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interpreter {
    Bun,
    Deno,
    Dotnet,
    Java,
    Node,
    Perl,
    Php,
    Python,
    Ruby,
    Shell,
}

/// File names that say what a file does in its directory, not what the program is.
const GENERIC_FILES: [&str; 8] = ["__init__", "__main__", "app", "asgi", "index", "main", "manage", "wsgi"];
/// Directories that say how a project is laid out, not what it is.
const GENERIC_DIRECTORIES: [&str; 9] =
    ["bin", "build", "cmd", "dist", "lib", "out", "public", "src", "target"];

impl Interpreter {
    /// The interpreter that a process is, by its executable; by its first argument or name where that is unknown.
    pub(super) fn of(facts: &ProcessFacts) -> Option<Self> {
        if let Some(name) = facts.own_executable() {
            return Self::named(&name);
        }
        let first = facts.args.first().and_then(|arg| Self::named(arg.rsplit('/').next()?));
        first.or_else(|| Self::named(&facts.comm))
    }

    /// The interpreter with this file name, which may carry a version (`python3.11`, `ruby2.7`).
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match without_version(name) {
            "bun" => Self::Bun,
            "deno" => Self::Deno,
            "dotnet" => Self::Dotnet,
            "java" => Self::Java,
            "node" | "nodejs" => Self::Node,
            "perl" => Self::Perl,
            "php" | "php-cgi" => Self::Php,
            "python" | "pypy" => Self::Python,
            "ruby" | "jruby" | "truffleruby" => Self::Ruby,
            "sh" | "ash" | "bash" | "dash" | "ksh" | "zsh" => Self::Shell,
            _ => return None,
        })
    }

    /// Options that take the next argument as their value.
    const fn options_with_value(self) -> &'static [&'static str] {
        match self {
            Self::Bun | Self::Deno => {
                &["-r", "-c", "--config", "--preload", "--cwd", "--env-file", "--import-map"]
            }
            Self::Dotnet => &[
                "--fx-version",
                "--additionalprobingpath",
                "--depsfile",
                "--runtimeconfig",
                "--roll-forward",
            ],
            Self::Node => &[
                "-r",
                "--require",
                "--import",
                "--loader",
                "--experimental-loader",
                "-C",
                "--conditions",
                "--env-file",
            ],
            Self::Perl => &["-I"],
            Self::Php => &["-c", "-d", "-S", "-t", "-z"],
            Self::Ruby => &["-I", "-r", "-C", "-E"],
            Self::Shell => &["-o", "-O", "--rcfile", "--init-file"],
            Self::Java | Self::Python => &[],
        }
    }

    /// Options after which there is program text, not a file.
    const fn inline_options(self) -> &'static [&'static str] {
        match self {
            Self::Node | Self::Bun => &["-e", "--eval", "-p", "--print", "-pe"],
            Self::Perl => &["-e", "-E", "-ne", "-pe"],
            Self::Php => &["-r"],
            Self::Ruby => &["-e"],
            Self::Shell => &["-c", "-lc", "-ec", "-s"],
            Self::Deno | Self::Dotnet | Self::Java | Self::Python => &[],
        }
    }
}

/// What an interpreter runs, by its arguments without its own name.
pub(super) fn program(interpreter: Interpreter, arguments: &[String]) -> Option<String> {
    match interpreter {
        Interpreter::Python => return python::program(arguments),
        Interpreter::Java => return java::program(arguments),
        _ => {}
    }
    let (script, rest) = script(interpreter, arguments)?;
    match (interpreter, script) {
        (Interpreter::Deno | Interpreter::Bun, "run" | "serve" | "x") | (Interpreter::Dotnet, "exec") => {
            program(interpreter, rest)
        }
        (Interpreter::Dotnet, "run" | "watch") => value_of(rest, &["--project", "-p"]).and_then(file_name),
        (Interpreter::Node, _) if ["ts-node", "tsx", "nodemon"].contains(&stem(script)) => {
            program(interpreter, rest)
        }
        // "bundle exec puma": the script is a program found on the path.
        (Interpreter::Ruby, _) if stem(script) == "bundle" => match rest {
            [exec, program, ..] if exec == "exec" => file_name(program),
            _ => file_name(script),
        },
        (Interpreter::Dotnet, _) if !has_extension(script, "dll") => None,
        _ => file_name(script),
    }
}

/// The first argument that is no option, and what follows it.
fn script(interpreter: Interpreter, arguments: &[String]) -> Option<(&str, &[String])> {
    let mut index = 0;
    loop {
        let argument = arguments.get(index)?.as_str();
        index += 1;
        if argument == "--" || argument == "-f" && interpreter == Interpreter::Php {
            continue;
        }
        if interpreter.inline_options().contains(&argument) || argument == "-" {
            return None;
        }
        if interpreter.options_with_value().contains(&argument) {
            index += 1;
        } else if !argument.starts_with('-') {
            return Some((argument, &arguments[index..]));
        }
    }
}

/// The value of the first of some options, as `--option value` or `--option=value`.
pub(super) fn value_of<'a>(arguments: &'a [String], options: &[&str]) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        if options.contains(&argument.as_str()) {
            return arguments.get(index + 1).map(String::as_str);
        }
        let (option, value) = argument.split_once('=')?;
        options.contains(&option).then_some(value)
    })
}

/// The name of a script: its file name without extension, or that of the nearest directory with a name of its own
/// where the file is called like thousands of others (`/srv/shop/dist/index.js` is `shop`).
pub(super) fn file_name(path: &str) -> Option<String> {
    // Program text that comes through a descriptor has no name.
    if path == "/dev/stdin" || path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/") {
        return None;
    }
    let stem = stem(path);
    let directory = GENERIC_FILES.contains(&stem).then(|| path.rsplit_once('/')).flatten();
    directory
        .and_then(|(directory, _)| directory_name(directory))
        .or_else(|| Some(stem.to_owned()).filter(|stem| !stem.is_empty()))
}

/// The innermost directory of a path with a name of its own.
pub(super) fn directory_name(path: &str) -> Option<String> {
    let own = |name: &&str| {
        !name.is_empty() && *name != "." && *name != ".." && !GENERIC_DIRECTORIES.contains(name)
    };
    path.rsplit('/').find(own).map(str::to_owned)
}

/// File name without its last extension.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// Whether a file name ends in `.extension`.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Whether a module or file is called like thousands of others.
pub(super) fn is_generic(name: &str) -> bool {
    GENERIC_FILES.contains(&name)
}

/// `python3.11` is `python`.
pub(super) fn without_version(name: &str) -> &str {
    let bare = name.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.' || char == '-');
    if bare.is_empty() { name } else { bare }
}
