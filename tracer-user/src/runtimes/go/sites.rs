//! Which instructions are probed. One that the kernel emulates (a call, a conditional jump) costs a tenth of one that it has to
//! step over (kernel/events/uprobes.c, `branch_setup_xol_ops` in arch/x86/kernel/uprobes.c).

use object::{File as Elf, ReadRef};

use super::{super::code_at, functions::Functions};

/// File offsets of instructions.
#[derive(Debug)]
pub(super) struct Sites {
    pub(super) round_trip: Option<u64>,
    pub(super) shared_writer: Option<u64>,
    pub(super) new_goroutine: u64,
}

/// The functions that are looked for.
pub(super) const FUNCTIONS: [&str; 4] =
    [ROUND_TRIP, SHARED_WRITER, "runtime.newproc.func1", "runtime.runqput"];

const ROUND_TRIP: &str = "net/http.(*persistConn).roundTrip";
/// grpc-go writes whatever goes over a channel from one goroutine, which the first call starts.
const SHARED_WRITER: &str = "google.golang.org/grpc/internal/transport.(*loopyWriter).run";

/// How far into a function its look at the stack's bound is, bytes.
const PROLOGUE: usize = 32;
/// The longest that `runtime.newproc.func1` may be, bytes.
const MAX_FUNCTION: u64 = 4096;

/// `None` where a function looks otherwise. A program that lacks `net/http`'s client writes its calls itself.
pub(super) fn find<'a, R: ReadRef<'a>>(elf: &Elf<'a, R>, functions: &Functions) -> Option<Sites> {
    let code = |name| {
        let (start, end) = functions.range(name)?;
        let (bytes, offset) = code_at(elf, start, end.min(start.checked_add(MAX_FUNCTION)?))?;
        Some((bytes, start, offset))
    };
    let entry = |name| match functions.range(name) {
        Some(_) => {
            let (bytes, _, offset) = code(name)?;
            Some(Some(offset + stack_check(bytes)? as u64))
        }
        None => Some(None),
    };
    let (round_trip, shared_writer) = (entry(ROUND_TRIP)?, entry(SHARED_WRITER)?);
    let (bytes, start, offset) = code("runtime.newproc.func1")?;
    let (runqput, _) = functions.range("runtime.runqput")?;
    let new_goroutine = offset + call_of(bytes, start, runqput)? as u64;
    Some(Sites { round_trip, shared_writer, new_goroutine })
}

/// The conditional jump behind the comparison of the stack pointer with `g.stackguard0`, which a Go function begins with: the
/// arguments are still in their registers.
pub(crate) fn stack_check(code: &[u8]) -> Option<usize> {
    // cmp rsp, [r14+0x10]; cmp r12, [r14+0x10] (where the frame is large)
    const COMPARISONS: [[u8; 4]; 2] = [[0x49, 0x3b, 0x66, 0x10], [0x4d, 0x3b, 0x66, 0x10]];
    let front = code.get(..PROLOGUE.min(code.len()))?;
    let at =
        front.windows(4).position(|window| COMPARISONS.iter().any(|comparison| window == comparison))? + 4;
    // jbe rel8; jbe rel32
    matches!(code.get(at..at + 2)?, [0x76, _] | [0x0f, 0x86]).then_some(at)
}

/// The one call of `target` in the code of a function at `start`; `None` where there are several.
fn call_of(code: &[u8], start: u64, target: u64) -> Option<usize> {
    let mut calls = code.windows(5).enumerate().filter(|(at, window)| {
        // call rel32
        let relative = i64::from(i32::from_le_bytes([window[1], window[2], window[3], window[4]]));
        window[0] == 0xe8 && (start + *at as u64 + 5).wrapping_add_signed(relative) == target
    });
    let (at, _) = calls.next()?;
    calls.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_behind_the_stack_check() {
        // lea r12, [rsp-0x128]; cmp r12, [r14+0x10]; jbe ...
        let large =
            [0x4c, 0x8d, 0xa4, 0x24, 0xd8, 0xfe, 0xff, 0xff, 0x4d, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0, 0, 0, 0];
        assert_eq!(stack_check(&large), Some(12));
        // cmp rsp, [r14+0x10]; jbe ...
        assert_eq!(stack_check(&[0x49, 0x3b, 0x66, 0x10, 0x76, 0x20]), Some(4));
        assert_eq!(stack_check(&[0x49, 0x3b, 0x66, 0x10, 0x90, 0x90]), None);
        assert_eq!(stack_check(&[0x55, 0x48]), None);
        assert_eq!(stack_check(&[]), None);
    }

    #[test]
    fn the_only_call_of_a_function() {
        let mut code = vec![0x90, 0xe8, 0, 0, 0, 0, 0xc3];
        code[2..6].copy_from_slice(&(0x100_i32 - 6).to_le_bytes());
        assert_eq!(call_of(&code, 0x1000, 0x1100), Some(1));
        assert_eq!(call_of(&code, 0x1000, 0x1101), None);
        let twice = [code.clone(), vec![0xe8, 0xf4, 0, 0, 0]].concat();
        assert_eq!(call_of(&twice, 0x1000, 0x1100), None);
    }
}
