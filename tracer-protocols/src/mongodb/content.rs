//! What messages say.

use super::{
    bson::{Element, elements, text},
    message::Operation,
};

/// What is asked for; empty where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command<'a> {
    /// The command's name: `find`.
    pub name: &'a str,
    /// The collection that it is about.
    pub collection: &'a str,
    /// The database.
    pub database: &'a str,
    /// Nothing answers it.
    pub is_silent: bool,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Code of the first error, 0 where an error has none.
    pub error: Option<i64>,
}

/// Commands whose first value is the name of a collection (MongoDB manual, "Database Commands"); that of others may be a user's.
const OF_COLLECTIONS: [&str; 22] = [
    "aggregate",
    "collMod",
    "collStats",
    "compact",
    "count",
    "create",
    "createIndexes",
    "delete",
    "distinct",
    "drop",
    "dropIndexes",
    "find",
    "findAndModify",
    "findandmodify",
    "insert",
    "killCursors",
    "listIndexes",
    "mapReduce",
    "mapreduce",
    "reIndex",
    "update",
    "validate",
];

/// `moreToCome` (MongoDB manual, "OP_MSG": flag bits).
const MORE_TO_COME: u32 = 1 << 1;

/// What a client's message asks for, of which `body` is what stands behind the header of an `OP_MSG`; it may be cut anywhere.
pub fn command(body: &[u8]) -> Command<'_> {
    let flags = flags(body);
    let mut command = document(body).map(read).unwrap_or_default();
    command.is_silent = flags & MORE_TO_COME != 0;
    command
}

/// As [`command`], of a server's message.
pub fn outcome(body: &[u8]) -> Outcome {
    document(body).map(read_outcome).unwrap_or_default()
}

/// As [`command`], by what kind of message it is.
pub(super) fn command_of(operation: Operation, body: &[u8]) -> Command<'_> {
    if operation == Operation::Message {
        return command(body);
    }
    // Flags, the collection's full name, two numbers, a document.
    let Some((full, rest)) = body.get(4..).and_then(text) else { return Command::default() };
    let (database, collection) = full.split_once('.').unwrap_or((full, ""));
    if collection == "$cmd" {
        let command = rest.get(8..).map(read).unwrap_or_default();
        return Command { database, ..command };
    }
    Command { name: "find", collection, database, is_silent: false }
}

/// As [`outcome`], by what kind of message it is.
pub(super) fn outcome_of(operation: Operation, body: &[u8]) -> Outcome {
    if operation == Operation::Message {
        return outcome(body);
    }
    // Flags, a cursor, two numbers, documents.
    body.get(20..).map(read_outcome).unwrap_or_default()
}

fn flags(body: &[u8]) -> u32 {
    body.first_chunk().map_or(0, |flags| u32::from_le_bytes(*flags))
}

/// The document of the section of kind 0. Those of kind 1 may stand before it, and are passed over by their lengths.
fn document(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body.get(4..)?;
    loop {
        let (&kind, section) = rest.split_first()?;
        match kind {
            0 => return Some(section),
            1 => {
                let size = u32::from_le_bytes(*section.first_chunk()?).max(4);
                rest = section.get(size as usize..)?;
            }
            _ => return None,
        }
    }
}

fn read(document: &[u8]) -> Command<'_> {
    let mut command = Command::default();
    for element in elements(document) {
        if command.name.is_empty() {
            command.name = element.name;
            if OF_COLLECTIONS.contains(&element.name) {
                command.collection = element.text().unwrap_or_default();
            }
        } else if element.name == "$db" {
            command.database = element.text().unwrap_or_default();
        } else if element.name == "collection" && command.name == "getMore" {
            command.collection = element.text().unwrap_or_default();
        }
    }
    // What has no name yet, and one that is none: it is shown.
    if command.name.len() > 64
        || !command.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return Command::default();
    }
    command
}

fn read_outcome(document: &[u8]) -> Outcome {
    let (mut failed, mut code, mut partial) = (false, None, None);
    for element in elements(document) {
        match element.name {
            "ok" => failed = element.number() == Some(0),
            "code" => code = element.number(),
            // Some of what was to be written was not.
            "writeErrors" => partial = element.elements().next().as_ref().map(code_within),
            "writeConcernError" => partial = partial.or_else(|| Some(code_within(&element))),
            _ => {}
        }
    }
    Outcome { error: if failed { Some(code.unwrap_or(0)) } else { partial } }
}

fn code_within(element: &Element<'_>) -> i64 {
    element.elements().find(|inner| inner.name == "code").and_then(|code| code.number()).unwrap_or(0)
}
