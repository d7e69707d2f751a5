//! Go's crypto/tls: which of its functions are probed. The function table is all that is needed, which a stripped program has too.
//!
//! What is written passes `(*Conn).writeRecordLocked` (crypto/tls/conn.go). `(*Conn).Read` takes the connection's lock, and leaves it to a
//! deferred function to unlock it. Where it returns, it stores what it returns, calls that function, loads what it returns, and returns:
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
//! The kernel has to step over a `ret`, and carries out the `jbe` itself (see `code`), which every Go function with a frame begins with: that is
//! what is probed. A program in which any of this is not found is left alone.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::{Architecture, File, Object, ObjectSection, ReadRef};
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
const WRITE: &str = "crypto/tls.(*Conn).writeRecordLocked";
const CLOSE: &str = "crypto/tls.(*Conn).Close";
const CLIENT: &str = "crypto/tls.(*Conn).clientHandshake";
const SERVER: &str = "crypto/tls.(*Conn).serverHandshake";
/// The deferred function that unlocks, as it is named since 1.22, and before.
const READ_UNLOCKS: [&str; 2] = ["crypto/tls.(*Conn).Read.deferwrap1", "crypto/tls.(*Conn).Read.func1"];

/// Every function that is looked for.
const FUNCTIONS: [&str; 7] = [READ, WRITE, CLOSE, CLIENT, SERVER, READ_UNLOCKS[0], READ_UNLOCKS[1]];

/// Minor versions of Go 1 whose functions are as described. Arguments are in registers since 1.17 (which does not tell its version
/// in a way that is read).
const VERSIONS: std::ops::RangeInclusive<u32> = 18..=27;

/// Longest function that is looked at, bytes.
const MAX_FUNCTION: u64 = 16 * 1024;

/// Decides what to probe in a file.
pub(super) fn plan<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>) -> Plan {
    let file = elf.file();
    if file.architecture() != Architecture::X86_64 {
        return Plan::Nothing;
    }
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
    let Some(cookie) = program.code(READ).and_then(|(code, _)| returns(code)) else { return unknown(READ) };
    let Some(unlocks) = READ_UNLOCKS.into_iter().find(|name| program.functions.range(name).is_some()) else {
        return unknown(READ);
    };
    let mut sites = Vec::new();
    for (name, probe) in [
        (READ, Probe::GoCall(call::READ)),
        (unlocks, Probe::GoReturn(cookie)),
        (WRITE, Probe::GoWrite),
        (CLOSE, Probe::GoForget),
        (CLIENT, Probe::GoCall(call::HANDSHAKE)),
        (SERVER, Probe::GoCall(call::HANDSHAKE)),
    ] {
        match program.entry(name) {
            Some(offset) => sites.push(Site { offset, probe }),
            // A program that is only a client lacks the server's, and the other way round.
            None if [CLIENT, SERVER].contains(&name) && program.functions.range(name).is_none() => {}
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
}

/// What all returns of a function have in common that call its deferred function: see [`go::returns`]. Nothing has gone through where it
/// returns otherwise.
fn returns(code: &[u8]) -> Option<u64> {
    let mut end = End::default();
    let mut cookie = None;
    for instruction in Decoder::new(64, code, DecoderOptions::NONE) {
        if instruction.is_invalid() {
            return None;
        }
        match instruction.flow_control() {
            FlowControl::Next => end.pass(&instruction),
            FlowControl::IndirectCall => end = End { deferred: true, ..End::default() },
            FlowControl::Return if end.deferred => {
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
    /// Whether the deferred function is called.
    deferred: bool,
    /// Where the first result is loaded from, behind that: bytes above the stack pointer.
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
                self.frame =
                    self.frame.saturating_add(u32::try_from(instruction.immediate(1)).unwrap_or(u32::MAX));
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
        let cookie = returns(&[RETURN, NOTHING, RETURN].concat());
        assert_eq!(cookie, Some(go::returns(0x20, 0x68)));
        assert_eq!(cookie.map(go::parts), Some((0x20, 0x68)));
    }

    #[test]
    fn returns_that_differ_are_not_known() {
        let mut other = RETURN.to_vec();
        other[14] = 0x28;
        assert_eq!(returns(&[RETURN, &other].concat()), None);
        assert_eq!(returns(NOTHING), None);
        for cut in 0..RETURN.len() {
            assert_eq!(returns(&RETURN[..cut]), None, "{cut}");
        }
    }
}
