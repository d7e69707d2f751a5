//! Headers of the binary protocol.

/// Bytes of a header.
pub(super) const HEADER: usize = 24;
/// First byte of a command.
pub(super) const COMMAND: u8 = 0x80;
/// First byte of an answer.
pub(super) const ANSWER: u8 = 0x81;
/// Answers one command at a time, whatever went before.
pub(super) const NOOP: u8 = 0x0a;
/// Answered by several messages, the last of which is empty.
pub(super) const STAT: u8 = 0x10;

/// Commands by their number, and whether they are quiet: only some outcomes are answered.
const COMMANDS: [(u8, &str, bool); 33] = [
    (0x00, "get", false),
    (0x01, "set", false),
    (0x02, "add", false),
    (0x03, "replace", false),
    (0x04, "delete", false),
    (0x05, "incr", false),
    (0x06, "decr", false),
    (0x07, "quit", false),
    (0x08, "flush_all", false),
    (0x09, "get", true),
    (NOOP, "noop", false),
    (0x0b, "version", false),
    (0x0c, "get", false),
    (0x0d, "get", true),
    (0x0e, "append", false),
    (0x0f, "prepend", false),
    (STAT, "stats", false),
    (0x11, "set", true),
    (0x12, "add", true),
    (0x13, "replace", true),
    (0x14, "delete", true),
    (0x15, "incr", true),
    (0x16, "decr", true),
    (0x17, "quit", true),
    (0x18, "flush_all", true),
    (0x19, "append", true),
    (0x1a, "prepend", true),
    (0x1b, "verbosity", false),
    (0x1c, "touch", false),
    (0x1d, "gat", false),
    (0x1e, "gat", true),
    (0x23, "gat", false),
    (0x24, "gat", true),
];

/// Of a header, what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: u8,
    /// The command's name, if it is known, and whether it is quiet.
    pub(super) command: Option<(&'static str, bool)>,
    /// Of an answer; of a command something else.
    pub(super) status: u16,
    /// Bytes behind the header.
    pub(super) body: u32,
}

/// The header that `bytes` begin with; `None` where they are none.
pub(super) fn header(magic: u8, bytes: &[u8; HEADER]) -> Option<Header> {
    let [first, opcode, key_high, key_low, extras, data_type, high, low, a, b, c, d, ..] = *bytes;
    let body = u32::from_be_bytes([a, b, c, d]);
    let within = u32::from(extras) + u32::from(u16::from_be_bytes([key_high, key_low]));
    if first != magic || data_type != 0 || extras > 20 || within > body || body > MAX_BODY {
        return None;
    }
    let found = COMMANDS.iter().find(|(number, ..)| *number == opcode);
    let command = found.map(|&(_, name, is_quiet)| (name, is_quiet));
    Some(Header { opcode, command, status: u16::from_be_bytes([high, low]), body })
}

/// Longest body that is believed: the largest value that can be configured, and a key.
const MAX_BODY: u32 = 1 << 30 | 0xffff;

/// The name of an error by the number of a status; `None` where the outcome is none: stored or not, found or not.
pub(super) fn error(status: u16) -> Option<&'static str> {
    Some(match status {
        0x00..=0x02 | 0x05 | 0x21 => return None,
        0x03 => "0x0003",
        0x04 => "0x0004",
        0x06 => "0x0006",
        0x07 => "0x0007",
        0x08 => "0x0008",
        0x20 => "0x0020",
        0x81 => "0x0081",
        0x82 => "0x0082",
        0x83 => "0x0083",
        0x84 => "0x0084",
        0x85 => "0x0085",
        0x86 => "0x0086",
        _ => "",
    })
}
