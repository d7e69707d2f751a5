//! Go's crypto/tls: which of its functions are probed. The function table is all that is needed, which a stripped program has too.
//!
//! `(*Conn).Read` and `Write` take the connection's lock, and leave it to a deferred function to unlock it (crypto/tls/conn.go). Where they
//! return, they store what they return, call that function, load what they return, and return:
//!
//! ```text
//! mov [rsp+20h], rcx    ; how many bytes
//! mov rax, [rdx]
//! call rax              ; (*Conn).Read.deferwrap1, which begins with: cmp rsp, [r14+10h]; jbe
//! mov rax, [rsp+20h]
//! add rsp, 58h
//! pop rbp
//! ret
//! ```
//!
//! The kernel has to step over a `ret`, and carries out the `jbe` itself (see `code`), so that is where the return is probed. A function in which
//! any of this is not found is left alone.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::{File, Object, ObjectSection, ReadRef};
use tracer_common::tls::{call, go};

use super::{
    elf::Elf,
    plan::{Plan, Probe, Site, unknown},
};
use crate::runtimes::{
    code_at,
    go::{Functions, minor_version, stack_check},
};

const READ: &str = "crypto/tls.(*Conn).Read";
const WRITE: &str = "crypto/tls.(*Conn).Write";
const CLOSE: &str = "crypto/tls.(*Conn).Close";
const CLIENT: &str = "crypto/tls.(*Conn).clientHandshake";
const SERVER: &str = "crypto/tls.(*Conn).serverHandshake";
/// The deferred functions that unlock; since 1.22 they are named `deferwrap`.
const READ_UNLOCKS: [&str; 2] = ["crypto/tls.(*Conn).Read.deferwrap1", "crypto/tls.(*Conn).Read.func1"];
/// The second one; the first one counts calls in progress, and is called last.
const WRITE_UNLOCKS: [&str; 2] = ["crypto/tls.(*Conn).Write.deferwrap2", "crypto/tls.(*Conn).Write.func2"];

/// Every function that is looked for.
const FUNCTIONS: [&str; 9] = [
    READ,
    WRITE,
    CLOSE,
    CLIENT,
    SERVER,
    READ_UNLOCKS[0],
    READ_UNLOCKS[1],
    WRITE_UNLOCKS[0],
    WRITE_UNLOCKS[1],
];

/// Minor versions of Go 1 whose functions are as described. Arguments are in registers since 1.17 (which does not tell its version
/// in a way that is read).
const VERSIONS: std::ops::RangeInclusive<u32> = 18..=27;

/// Longest function that is looked at, bytes.
const MAX_FUNCTION: u64 = 16 * 1024;

/// Decides what to probe in a file.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Plan {
    let file = elf.file();
    let Some(info) = file.section_by_name(".go.buildinfo").and_then(|section| section.data().ok()) else {
        return Plan::Nothing;
    };
    let Some(functions) = Functions::of(file, &FUNCTIONS) else { return Plan::Nothing };
    if functions.range(READ).is_none() {
        return Plan::Nothing;
    }
    if !minor_version(info).is_some_and(|minor| VERSIONS.contains(&minor)) {
        let (first, last) = (VERSIONS.start(), VERSIONS.end());
        return Plan::Unknown(format!(
            "it is built by another version of Go than 1.{first} to 1.{last}; its crypto/tls is left alone"
        ));
    }
    let program = Program { file, functions };
    let mut sites = Vec::new();
    for (name, unlocks, kind) in [(READ, READ_UNLOCKS, call::READ), (WRITE, WRITE_UNLOCKS, call::WRITE)] {
        if program.transfer(name, unlocks, kind, &mut sites).is_none() {
            return unknown(name);
        }
    }
    match program.entry(CLOSE) {
        Some(offset) => sites.push(Site { offset, probe: Probe::GoForget }),
        None => return unknown(CLOSE),
    }
    // A program that is only a client lacks the server's.
    for name in [CLIENT, SERVER] {
        if program.functions.range(name).is_none() {
            continue;
        }
        match program.entry(name) {
            Some(offset) => sites.push(Site { offset, probe: Probe::GoCall(call::HANDSHAKE) }),
            None => return unknown(name),
        }
    }
    Plan::Sites { sites, reads: true }
}

struct Program<'f, 'a, R: ReadRef<'a>> {
    file: &'f File<'a, R>,
    functions: Functions,
}

impl<'a, R: ReadRef<'a>> Program<'_, 'a, R> {
    /// The code of a function, and its place in the file.
    fn code(&self, name: &str) -> Option<(&'a [u8], u64)> {
        let (start, end) = self.functions.range(name)?;
        code_at(self.file, start, end.min(start.checked_add(MAX_FUNCTION)?))
    }

    /// File offset of the jump behind a function's look at the stack's bound.
    fn entry(&self, name: &str) -> Option<u64> {
        let (code, offset) = self.code(name)?;
        Some(offset + stack_check(code)? as u64)
    }

    /// Sites that see everything that goes through `name`.
    fn transfer(&self, name: &str, unlocks: [&str; 2], kind: u8, sites: &mut Vec<Site>) -> Option<()> {
        let (code, _) = self.code(name)?;
        // Those that are deferred later are called first.
        let calls = if kind == call::WRITE { 2 } else { 1 };
        let cookie = returns(code, calls)?;
        let unlock = unlocks.into_iter().find_map(|unlock| self.entry(unlock))?;
        sites.push(Site { offset: self.entry(name)?, probe: Probe::GoCall(kind) });
        sites.push(Site { offset: unlock, probe: Probe::GoReturn(cookie) });
        Some(())
    }
}

/// What all returns of a function have in common that call so many deferred functions: see [`go::returns`]. Nothing has gone through
/// where it returns otherwise.
fn returns(code: &[u8], deferred: usize) -> Option<u64> {
    let mut end = End::default();
    let mut cookie = None;
    for instruction in Decoder::new(64, code, DecoderOptions::NONE) {
        if instruction.is_invalid() {
            return None;
        }
        match instruction.flow_control() {
            FlowControl::Next => end.pass(&instruction),
            FlowControl::IndirectCall => end = End { calls: end.calls + 1, ..End::default() },
            FlowControl::Return if end.calls == deferred => {
                let this = go::returns(end.count_at?, end.frame.checked_add(8)?);
                if *cookie.get_or_insert(this) != this {
                    return None;
                }
                end = End::default();
            }
            _ => end = End::default(),
        }
    }
    cookie
}

/// What is done in one go before a return.
#[derive(Default)]
struct End {
    /// Calls of deferred functions.
    calls: usize,
    /// Where the first result is loaded from, behind the last of them: bytes above the stack pointer.
    count_at: Option<u32>,
    /// By how much the stack is lowered, bytes.
    frame: u32,
}

impl End {
    fn pass(&mut self, instruction: &Instruction) {
        match instruction.mnemonic() {
            Mnemonic::Mov
                if instruction.op0_register() == Register::RAX
                    && instruction.op1_kind() == OpKind::Memory
                    && instruction.memory_base() == Register::RSP
                    && instruction.memory_index() == Register::None =>
            {
                self.count_at = u32::try_from(instruction.memory_displacement64()).ok();
            }
            Mnemonic::Add if instruction.op0_register() == Register::RSP => {
                self.frame = self.frame.saturating_add(u32::try_from(instruction.immediate(1)).unwrap_or(u32::MAX));
            }
            // add rsp, 128 is shorter as this.
            Mnemonic::Sub if instruction.op0_register() == Register::RSP => {
                let less = (instruction.immediate(1) as i64).unsigned_abs();
                self.frame = self.frame.saturating_add(u32::try_from(less).unwrap_or(u32::MAX));
            }
            Mnemonic::Pop => self.frame = self.frame.saturating_add(8),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mov [rsp+20h], rcx; mov rax, [rdx]; call rax; mov rax, [rsp+20h]; mov rbx, [rsp+30h]; add rsp, 58h; pop rbp; ret
    const RETURN: &[u8] =
        b"\x48\x89\x4c\x24\x20\x48\x8b\x02\xff\xd0\x48\x8b\x44\x24\x20\x48\x8b\x5c\x24\x30\x48\x83\xc4\x58\x5d\xc3";
    /// xor eax, eax; add rsp, 58h; pop rbp; ret
    const NOTHING: &[u8] = b"\x31\xc0\x48\x83\xc4\x58\x5d\xc3";

    #[test]
    fn the_result_is_where_it_is_loaded_from() {
        let cookie = returns(&[RETURN, NOTHING, RETURN].concat(), 1);
        assert_eq!(cookie, Some(go::returns(0x20, 0x68)));
        assert_eq!(cookie.map(go::parts), Some((0x20, 0x68)));
    }

    #[test]
    fn the_last_of_two_deferred_functions() {
        // mov rax, [rdx]; call rax
        let code = [b"\x48\x8b\x02\xff\xd0", RETURN].concat();
        assert_eq!(returns(&code, 2), Some(go::returns(0x20, 0x68)));
        assert_eq!(returns(&code, 1), None);
    }

    #[test]
    fn returns_that_differ_are_not_known() {
        let mut other = RETURN.to_vec();
        other[14] = 0x28;
        assert_eq!(returns(&[RETURN, &other].concat(), 1), None);
        assert_eq!(returns(NOTHING, 1), None);
        for cut in 0..RETURN.len() {
            assert_eq!(returns(&RETURN[..cut], 1), None, "{cut}");
        }
    }
}
