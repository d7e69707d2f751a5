//! What is probed in a file.

use std::fs::File;

use object::ReadRef;

use super::{boringssl, elf::Elf, gnutls, go, openssl};

/// A place for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// What sits there.
    pub probe: Probe,
}

/// What a site is probed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Entry and return of a call, with its cookie (`tracer_common::tls`).
    Call(u64),
    /// The object is freed.
    Forget,
    /// An object is made: the function returns it.
    Made,
    /// The object is given another transport, or the same anew.
    Loosen,
    /// Bytes travel that are not read.
    Unread,
    /// Records are written into memory, for the application to send.
    Sealed,
    /// Entry of a call of Go's crypto/tls (`tracer_common::tls::call`).
    GoCall(u8),
    /// The return of such a call, with its cookie (`tracer_common::tls::go`).
    GoReturn(u64),
    /// Bytes are about to be encrypted by Go's crypto/tls.
    GoWrite,
    /// The connection is closed.
    GoForget,
}

/// What a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// None of the functions.
    Nothing,
    /// The functions, ready to be probed.
    Sites {
        /// Where.
        sites: Vec<Site>,
        /// Whether connections are read there; if not, it only helps those that are read elsewhere.
        reads: bool,
    },
    /// The functions, but this is why they are left alone.
    Unknown(String),
}

/// Names of all functions that are looked for.
pub(super) fn functions() -> Vec<&'static str> {
    [&openssl::FUNCTIONS[..], &gnutls::FUNCTIONS[..]].concat()
}

/// Decides what to probe in a file, which is open as `file` too.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, file: &File) -> Plan {
    for plan in [openssl::plan, gnutls::plan, go::plan] {
        match plan(elf) {
            Plan::Nothing => {}
            plan => return plan,
        }
    }
    boringssl::plan(elf, file)
}

/// A function looks otherwise than is known.
pub(super) fn unknown(function: &str) -> Plan {
    Plan::Unknown(format!("its function {function} begins in a way that is not known; it is left alone"))
}

/// A site at a function that is called seldom: at its first instruction, if none is cheap.
pub(super) fn anywhere<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, name: &str, probe: Probe) -> Option<Site> {
    let address = elf.address(name)?;
    let entry = elf.function(address)?.entry().unwrap_or(address);
    Some(Site { offset: elf.file_offset(entry)?, probe })
}
