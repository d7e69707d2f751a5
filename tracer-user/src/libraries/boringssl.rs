//! BoringSSL in files without symbols, as proxies and gRPC's libraries carry it within them: which of its functions are probed.
//!
//! Its functions are found by what they report: each error is put on a queue with its reason and the name of the source file, so a function is
//! known by the file name that it loads and by the numbers of its reasons, which BoringSSL does not use again (include/openssl/ssl.h).
//! Which is which, the calls between them confirm (ssl/ssl_lib.cc):
//!
//! | function | its errors | and |
//! |---|---|---|
//! | `SSL_write` | should not have been called, bad length, handshake failure, uninitialized | |
//! | `ssl_read_impl` (static) | handshake failure, uninitialized | |
//! | `SSL_peek`, `SSL_read` | should not have been called | both call `ssl_read_impl`; `SSL_read` stores how much it took (a linker may have left the other one out) |
//! | `SSL_do_handshake` | connection type not set | is called by `SSL_write` |
//! | `SSL_new` | null context | |
//!
//! `SSL_free` reports nothing. In its place `SSL_new` tells that an address belongs to another connection from now on. A file in which one of these
//! is not found, or found twice, is left alone.

use std::{collections::BTreeSet, fs::File, io};

use iced_x86::{Instruction, Mnemonic, OpKind, Register};
use object::ReadRef;
use tracer_common::tls::{call, cookie, count};

use super::{
    elf::Elf,
    plan::{Plan, Probe, Site},
    stripped::Stripped,
};

/// Ends of the file name.
const SOURCES: [&str; 2] = ["/ssl/ssl_lib.cc", "/ssl/ssl_lib.c"];

/// Reasons of errors: `ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED` (include/openssl/err.h), `SSL_R_BAD_LENGTH` and so on.
const SHOULD_NOT_HAVE_BEEN_CALLED: u32 = 66;
const BAD_LENGTH: u32 = 111;
const CONNECTION_TYPE_NOT_SET: u32 = 134;
const NULL_SSL_CTX: u32 = 185;
const SSL_HANDSHAKE_FAILURE: u32 = 215;
const UNINITIALIZED: u32 = 226;

/// Names of BIOs that keep what is written in memory (crypto/bio/pair.cc, crypto/bio/bio_mem.cc).
const MEMORY_BIOS: [&str; 2] = ["BIO pair", "memory buffer"];
/// From the name in a BIO's method table to its function that writes, which is the first one behind it (`struct bio_method_st`,
/// include/openssl/bio.h), at most.
const WRITES: u64 = 16;

/// A function that reports errors.
struct Function {
    start: u64,
    /// Numbers that it loads where the reason of an error goes.
    reasons: BTreeSet<u32>,
    /// Functions that it calls or jumps to.
    calls: BTreeSet<u64>,
    /// It stores something elsewhere than on its stack.
    stores: bool,
}

impl Function {
    fn new(start: u64, instructions: &[Instruction]) -> Self {
        let reasons = instructions.iter().filter(|instruction| {
            instruction.mnemonic() == Mnemonic::Mov
                && instruction.op0_register() == Register::EDX
                && instruction.op1_kind() == OpKind::Immediate32
        });
        let calls = instructions.iter().filter(|instruction| instruction.op0_kind() == OpKind::NearBranch64);
        Self {
            start,
            reasons: reasons.map(Instruction::immediate32).collect(),
            calls: calls.map(Instruction::near_branch_target).collect(),
            stores: instructions.iter().any(stores),
        }
    }

    fn reports(&self, reasons: &[u32]) -> bool {
        reasons.iter().all(|reason| self.reasons.contains(reason))
    }
}

/// Whether an instruction changes memory that is not the function's own stack.
fn stores(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Add | Mnemonic::Sub)
        && instruction.op0_kind() == OpKind::Memory
        && ![Register::RSP, Register::RBP].contains(&instruction.memory_base())
}

/// The functions that matter, by address.
#[derive(Debug, PartialEq, Eq)]
struct Functions {
    read: u64,
    write: u64,
    handshake: u64,
    new: u64,
}

/// Decides what to probe in a file that has none of the functions by name.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, file: &File) -> Plan {
    let Some(stripped) = Stripped::of(elf.file(), file) else { return Plan::Nothing };
    match search(elf, &stripped) {
        Ok(Some(plan)) => plan,
        Ok(None) => Plan::Nothing,
        Err(error) => Plan::Unknown(format!("it cannot be read: {error}; it is left alone")),
    }
}

/// `None` where there is no trace of BoringSSL.
fn search<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, stripped: &Stripped<'_>) -> io::Result<Option<Plan>> {
    let mut names = Vec::new();
    for source in SOURCES {
        names.extend(stripped.texts(source)?);
    }
    let &[(_, name), ..] = &names[..] else { return Ok(None) };
    let mut reporting = Vec::new();
    for start in stripped.takers(name)? {
        reporting.push(Function::new(start, &stripped.instructions(start)?));
    }
    let functions = match identify(&reporting) {
        Ok(functions) => functions,
        Err(missing) => return Ok(Some(unknown(missing))),
    };
    let cheap = |start| elf.file_offset(elf.function(start)?.entry()?);
    let mut sites = Vec::new();
    for (name, start, kind) in
        [("SSL_read", functions.read, call::READ), ("SSL_write", functions.write, call::WRITE)]
    {
        let Some(offset) = cheap(start) else { return Ok(Some(unknown(name))) };
        sites.push(Site { offset, probe: Probe::Call(cookie(kind, count::RETURNED)) });
    }
    let handshake = Probe::Call(cookie(call::HANDSHAKE, count::RETURNED));
    for (name, start, probe) in
        [("SSL_do_handshake", functions.handshake, handshake), ("SSL_new", functions.new, Probe::Made)]
    {
        let Some(offset) = cheap(start).or_else(|| elf.file_offset(start)) else {
            return Ok(Some(unknown(name)));
        };
        sites.push(Site { offset, probe });
    }
    for name in MEMORY_BIOS {
        for (name, _) in stripped.texts(name)? {
            if let Some(writes) = stripped.stored_behind(name, WRITES)?
                && let Some(offset) = cheap(writes).or_else(|| elf.file_offset(writes))
            {
                sites.push(Site { offset, probe: Probe::Sealed });
            }
        }
    }
    Ok(Some(Plan::Sites { sites, reads: true }))
}

fn unknown(function: &str) -> Plan {
    Plan::Unknown(format!(
        "it has BoringSSL or OpenSSL within it and no symbols, and its function {function} was not found; it is left alone"
    ))
}

/// Tells the functions apart; the name of one that is not there, or not the only one of its kind, where that fails.
fn identify(reporting: &[Function]) -> Result<Functions, &'static str> {
    let only = |name, is_it: &dyn Fn(&Function) -> bool| {
        let mut found = reporting.iter().filter(|function| is_it(function));
        found.next().filter(|_| found.next().is_none()).ok_or(name)
    };
    let write = only("SSL_write", &|function| {
        function.reports(&[SHOULD_NOT_HAVE_BEEN_CALLED, BAD_LENGTH, SSL_HANDSHAKE_FAILURE, UNINITIALIZED])
    })?;
    let read_impl = only("SSL_read", &|function| {
        function.reports(&[SSL_HANDSHAKE_FAILURE, UNINITIALIZED])
            && !function.reports(&[SHOULD_NOT_HAVE_BEEN_CALLED])
    })?;
    let read = only("SSL_read", &|function| {
        function.calls.contains(&read_impl.start)
            && function.reports(&[SHOULD_NOT_HAVE_BEEN_CALLED])
            && function.stores
    })?;
    let handshake = only("SSL_do_handshake", &|function| {
        write.calls.contains(&function.start) && function.reports(&[CONNECTION_TYPE_NOT_SET])
    })?;
    let new = only("SSL_new", &|function| function.reports(&[NULL_SSL_CTX]))?;
    Ok(Functions { read: read.start, write: write.start, handshake: handshake.start, new: new.start })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a library of gRPC has, in part.
    fn reporting() -> Vec<Function> {
        let function = |start, reasons: &[u32], calls: &[u64]| Function {
            start,
            reasons: reasons.iter().copied().collect(),
            calls: calls.iter().copied().collect(),
            stores: start != PEEK,
        };
        vec![
            function(100, &[69, 185, 4096], &[]),
            function(200, &[134], &[]),
            function(300, &[134], &[200]),
            function(400, &[66, 111, 215, 226], &[200]),
            function(500, &[50, 100, 182, 215, 226], &[200]),
            function(PEEK, &[66], &[500]),
            function(800, &[66], &[500]),
            function(900, &[66], &[]),
            function(1000, &[226, 291], &[]),
        ]
    }
    const PEEK: u64 = 600;

    #[test]
    fn functions_are_told_apart_by_their_errors_and_calls() {
        let expected = || Ok(Functions { read: 800, write: 400, handshake: 200, new: 100 });
        assert_eq!(identify(&reporting()), expected());
        for (missing, name) in
            [(0, "SSL_new"), (1, "SSL_do_handshake"), (3, "SSL_write"), (4, "SSL_read"), (6, "SSL_read")]
        {
            let mut others = reporting();
            others.remove(missing);
            assert_eq!(identify(&others), Err(name));
        }
        let mut without_peek = reporting();
        without_peek.remove(5);
        assert_eq!(identify(&without_peek), expected());
        for (again, name) in [(3, "SSL_write"), (6, "SSL_read")] {
            let mut twice = reporting();
            twice.extend(reporting().into_iter().skip(again).take(1));
            assert_eq!(identify(&twice), Err(name));
        }
    }

    #[test]
    fn reasons_and_calls_are_read_from_the_code() {
        // mov edx, 0x42; mov edx, eax; call +0; je -2
        let code = b"\xba\x42\0\0\0\x89\xc2\xe8\0\0\0\0\x74\xfe";
        let decoder = iced_x86::Decoder::with_ip(64, code, 0x1000, iced_x86::DecoderOptions::NONE);
        let function = Function::new(0x1000, &decoder.into_iter().collect::<Vec<_>>());
        assert_eq!(function.reasons, BTreeSet::from([0x42]));
        assert_eq!(function.calls, BTreeSet::from([0x100c]));
        assert!(!function.stores);
    }

    #[test]
    fn what_is_stored_on_the_stack_does_not_count() {
        let stores = |code: &[u8]| {
            let decoder = iced_x86::Decoder::with_ip(64, code, 0x1000, iced_x86::DecoderOptions::NONE);
            Function::new(0x1000, &decoder.into_iter().collect::<Vec<_>>()).stores
        };
        // add [rax+80h], rbx; mov [rax+88h], rcx
        assert!(stores(b"\x48\x01\x98\x80\0\0\0") && stores(b"\x48\x89\x88\x88\0\0\0"));
        // mov [rsp+8], rax; mov [rbp-8], rax; mov rcx, [rax+30h]; push rbx
        assert!(!stores(b"\x48\x89\x44\x24\x08\x48\x89\x45\xf8\x48\x8b\x48\x30\x53"));
    }
}
