//! CPython: which task the current thread is running, and which one started it.
//!
//! A task runs in a context of its own (PEP 567), a copy of that of whoever started it. Copies are numbered as they are made: the
//! memory of one that is gone is soon another one's.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns, generated::bpf_get_current_task_btf},
    macros::uretprobe,
    programs::RetProbeContext,
};
use tracer_common::{
    event::{Kind, Lineage},
    runtime::{BY_PLACE, MAX_THREAD_STATES, Python, place_of},
};

use crate::{
    emit::{self, Urgency},
    globals::offset,
    kernel_read::field,
    maps::{CONTEXTS, LAST_CONTEXT, RUNTIMES, THREAD_STATES},
    syscall::read_user_words,
};

/// Ancestors of a task that are told of.
const MAX_ANCESTORS: usize = 4;

/// A context that was seen being made.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Context {
    created_ns: u64,
    /// Its number, and that of the one that it is a copy of.
    task: u32,
    parent: u32,
    /// The place of that one, 0 where there is none.
    parent_place: u32,
    /// 1 once the daemon was told.
    told: u32,
}

#[inline(always)]
const fn key(tgid: u32, place: u32) -> u64 {
    (tgid as u64) << 32 | place as u64
}

/// The place of the context that the current thread is in, 0 where none is known. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn current_place(tgid: u32) -> u32 {
    // SAFETY: a copy is taken at once.
    let Some(python) = unsafe { RUNTIMES.get(tgid) }.copied() else { return 0 };
    // SAFETY: the helper returns the BTF-typed current task; the offset is that of this very field.
    let thread = unsafe {
        field::<u64>(bpf_get_current_task_btf().cast::<u8>().cast_const(), offset!(thread_pointer))
    };
    let tid = bpf_get_current_pid_tgid() as u32;
    // SAFETY: a copy is taken at once.
    let known = unsafe { THREAD_STATES.get(tid) }.copied().unwrap_or(0);
    let state = if known != 0 && word(known.wrapping_add(u64::from(python.thread_id))) == thread {
        known
    } else {
        let state = find_state(&python, thread);
        let _ = THREAD_STATES.insert(tid, state, u64::from(BPF_ANY));
        state
    };
    if state == 0 { 0 } else { place_of(word(state.wrapping_add(u64::from(python.context)))) }
}

/// The state of the thread with this thread pointer, 0 where there is none.
#[inline(always)]
fn find_state(python: &Python, thread: u64) -> u64 {
    let interpreter = word(python.main);
    let mut state = word(interpreter.wrapping_add(u64::from(python.threads)));
    for _ in 0..MAX_THREAD_STATES {
        if state == 0 || word(state.wrapping_add(u64::from(python.thread_id))) == thread {
            return state;
        }
        state = word(state.wrapping_add(u64::from(python.next)));
    }
    0
}

/// The number of the task whose context is at `place`, 0 for none.
#[inline(always)]
fn task_at(tgid: u32, place: u32) -> u32 {
    if place == 0 {
        return 0;
    }
    // SAFETY: a copy is taken at once.
    unsafe { CONTEXTS.get(key(tgid, place)) }.map_or(place | BY_PLACE, |context| context.task)
}

/// The task that the current thread is running, 0 where none is known. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn current_task(tgid: u32) -> u32 {
    let place = current_place(tgid);
    let task = task_at(tgid, place);
    if task != 0 && task & BY_PLACE == 0 {
        tell(tgid, place);
    }
    task
}

/// Tells the daemon what the task at `place` descends from. A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tell(tgid: u32, place: u32) -> i32 {
    let (mut place, mut task) = (place, 0);
    for _ in 0..MAX_ANCESTORS {
        let Some(context) = CONTEXTS.get_ptr_mut(key(tgid, place)) else { break };
        // SAFETY: a live map value; a lost race tells the same once more.
        let context = unsafe { &mut *context };
        // The memory of an ancestor that is gone may be another one's.
        if context.told != 0 || (task != 0 && context.task != task) {
            break;
        }
        context.told = 1;
        let lineage = Lineage {
            header: emit::header(Kind::Lineage, tgid, 0),
            created_ns: context.created_ns,
            task: context.task,
            parent: context.parent,
        };
        (place, task) = (context.parent_place, context.parent);
        // SAFETY: `slot` is a reserved `Lineage`.
        emit::record::<Lineage>(Urgency::Timer, |slot| unsafe { *slot = lineage });
        if place == 0 {
            break;
        }
    }
    0
}

/// `PyContext_CopyCurrent` returns the context of a task to be, a copy of the current one.
#[uretprobe]
pub(crate) fn python_new_context(ctx: RetProbeContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let copy = ctx.ret::<u64>();
    let Some(last) = LAST_CONTEXT.get_ptr_mut(0) else { return 0 };
    if copy == 0 {
        return 0;
    }
    let parent_place = current_place(tgid);
    // SAFETY: an array element is always valid; a helper without arguments.
    let (task, created_ns) =
        unsafe { ((crate::atomic::fetch_increment(last) + 1) as u32 & !BY_PLACE, bpf_ktime_get_ns()) };
    let context = Context { created_ns, task, parent: task_at(tgid, parent_place), parent_place, told: 0 };
    let _ = CONTEXTS.insert(key(tgid, place_of(copy)), context, u64::from(BPF_ANY));
    0
}

#[inline(always)]
fn word(address: u64) -> u64 {
    let [word] = read_user_words(address);
    word
}
