//! Which task of its runtime the current thread is running.

use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use tracer_common::runtime::{MAX_THREAD_STATES, task_of};

use crate::{globals::offset, kernel_read::field, maps::RUNTIMES, syscall::read_user_words};

/// A global function: see `capture`. 0 where no task is known.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn current_task(tgid: u32) -> u32 {
    // SAFETY: a copy is taken at once.
    let Some(python) = unsafe { RUNTIMES.get(tgid) }.copied() else { return 0 };
    // SAFETY: the helper returns the BTF-typed current task; the offset is that of this very field.
    let thread = unsafe {
        field::<u64>(bpf_get_current_task_btf().cast::<u8>().cast_const(), offset!(thread_pointer))
    };
    let interpreter = word(python.main);
    let mut state = word(interpreter.wrapping_add(u64::from(python.threads)));
    for _ in 0..MAX_THREAD_STATES {
        if state == 0 {
            break;
        }
        if word(state.wrapping_add(u64::from(python.thread_id))) == thread {
            return task_of(word(state.wrapping_add(u64::from(python.context))));
        }
        state = word(state.wrapping_add(u64::from(python.next)));
    }
    0
}

#[inline(always)]
fn word(address: u64) -> u64 {
    let [word] = read_user_words(address);
    word
}
