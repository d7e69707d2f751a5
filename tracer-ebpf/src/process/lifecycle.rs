//! Exec, fork and exit of processes that are traced, and of those that descend from them.

use aya_ebpf::{
    bindings::BPF_ANY, helpers::bpf_get_current_pid_tgid, macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{
    event::{Exec, Exit, Kind},
    process::{GOROUTINES, POLLS, PROMPT, SELECTED, TASKS, TURNS},
};

use super::origin;
use crate::{
    emit::{self, Urgency},
    globals::{config, offset},
    kernel_read::field,
    maps::{GO_RUNTIMES, HANDS, PROCESSES, RUNTIMES, SERVERS, next_generation},
};

// match-proto: include/trace/events/sched.h: sched_process_exit(struct task_struct *p)
#[btf_tracepoint(function = "sched_process_exit")]
pub(crate) fn process_exit(_ctx: BtfTracePointContext) -> i32 {
    let pid_tgid = bpf_get_current_pid_tgid();
    let (tgid, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    if config!(propagation) != 0 {
        let _ = HANDS.remove(tid);
    }
    // The leader stands for the process. Should its threads live on, they are described anew.
    if tgid != tid {
        return 0;
    }
    origin::exited(tgid);
    if config!(propagation) != 0 {
        let _ = SERVERS.remove(tgid);
    }
    if PROCESSES.get_ptr(tgid).is_some() {
        let _ = PROCESSES.remove(tgid);
        next_generation();
        let exit = Exit { header: emit::header(Kind::Exit, tgid, 0) };
        // SAFETY: `slot` is a reserved `Exit`.
        emit::record::<Exit>(Urgency::Timer, |slot| unsafe { *slot = exit });
    }
    0
}

// match-proto: include/trace/events/sched.h: sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn process_exec(_ctx: BtfTracePointContext) -> i32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    origin::executed(tgid);
    let mut selected = false;
    if let Some(known) = PROCESSES.get_ptr_mut(tgid) {
        // A new program under the same pid: its name and its selection are to be found out again.
        // SAFETY: a live map value; a lost race describes the process once more.
        selected = unsafe {
            *known &= SELECTED;
            *known != 0
        };
        next_generation();
    }
    if selected || config!(only_selected) == 0 {
        let exec = Exec { header: emit::header(Kind::Exec, tgid, 0) };
        // SAFETY: `slot` is a reserved `Exec`.
        emit::record::<Exec>(Urgency::Timer, |slot| unsafe { *slot = exec });
    }
    0
}

// match-proto: include/trace/events/sched.h: sched_process_fork(struct task_struct *parent, struct task_struct *child)
#[btf_tracepoint(function = "sched_process_fork")]
pub(crate) fn process_fork(ctx: BtfTracePointContext) -> i32 {
    let child: *const u8 = ctx.arg(1);
    let pid_tgid = bpf_get_current_pid_tgid();
    let (parent, tid) = ((pid_tgid >> 32) as u32, pid_tgid as u32);
    // SAFETY: the tracepoint's argument; the offset is that of `tgid`.
    let child = unsafe { field::<u32>(child, offset!(tgid)) };
    if child == parent {
        // A thread.
        return 0;
    }
    // SAFETY: a copy is taken at once.
    let known = unsafe { PROCESSES.get(parent) }.copied().unwrap_or(0);
    origin::forked(parent, tid, child, known);
    let inherited = known & (SELECTED | TASKS | TURNS | PROMPT | GOROUTINES | POLLS);
    if inherited != 0 {
        inherit(parent, child, inherited);
    }
    0
}

/// What is known of a process holds for a fork of it, until that runs a program of its own.
#[inline(always)]
fn inherit(parent: u32, child: u32, flags: u32) {
    // SAFETY: copies are taken at once.
    unsafe {
        if let Some(python) = RUNTIMES.get(parent).copied() {
            let _ = RUNTIMES.insert(child, python, u64::from(BPF_ANY));
        }
        if let Some(go) = GO_RUNTIMES.get(parent).copied() {
            let _ = GO_RUNTIMES.insert(child, go, u64::from(BPF_ANY));
        }
    }
    let _ = PROCESSES.insert(child, flags, u64::from(BPF_ANY));
}
