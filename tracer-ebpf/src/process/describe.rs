//! `Process` records, taken in the process's own context: it may be gone before the daemon could read /proc.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::generated::{
        bpf_get_current_cgroup_id, bpf_get_current_task_btf, bpf_probe_read_user, bpf_probe_read_user_str,
    },
};
use tracer_common::{
    drops::KernelDrop,
    event::{Kind, Process},
    limits::{MAX_ARGS, MAX_ENVIRON, MAX_EXEC_PATH},
    process::ANNOUNCED,
};

use super::origin;
use crate::{
    emit::{self, Urgency},
    globals::offset,
    kernel_read::field,
    maps::PROCESSES,
};

/// Describes the current process to the daemon and remembers that. `known` are its flags so far.
#[inline(always)]
pub(crate) fn describe(tgid: u32, known: u32) {
    describe_process(tgid, known);
}

/// A global function: see `capture`.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn describe_process(tgid: u32, known: u32) -> i32 {
    if PROCESSES.insert(tgid, known | ANNOUNCED, u64::from(BPF_ANY)).is_err() {
        emit::count(KernelDrop::ProcessesFull);
    }
    emit::record::<Process>(Urgency::Now, |slot| {
        // SAFETY: `slot` is a reserved `Process`; the task is BTF-typed, the offsets are those of its fields.
        unsafe {
            let task = bpf_get_current_task_btf().cast::<u8>().cast_const();
            (*slot).header = emit::header(Kind::Process, tgid, 0);
            (*slot).cgroup = bpf_get_current_cgroup_id();
            let leader: *const u8 = field(task, offset!(group_leader));
            (*slot).comm = field(leader, offset!(comm));
            (*slot).start_boottime_ns = field(leader, offset!(start_boottime));
            let origin = origin::of(tgid);
            (*slot).origin_ns = origin.time_ns;
            (*slot).origin_tgid = origin.tgid;
            (*slot).origin_tid = origin.tid;
            (*slot).origin_task = origin.task;
            let parent: *const u8 = field(task, offset!(real_parent));
            (*slot).parent_tgid = field::<u32>(parent, offset!(tgid));
            let mm: *const u8 = field(task, offset!(mm));
            let (args, args_end) = (field::<u64>(mm, offset!(arg_start)), field::<u64>(mm, offset!(arg_end)));
            let (env, env_end) = (field::<u64>(mm, offset!(env_start)), field::<u64>(mm, offset!(env_end)));
            // A path that cannot be read is empty.
            (*slot).exec_path[0] = 0;
            bpf_probe_read_user_str(
                (&raw mut (*slot).exec_path).cast(),
                MAX_EXEC_PATH as u32,
                env_end as *const core::ffi::c_void,
            );
            let mut cut = 0;
            if args_end.wrapping_sub(args) > MAX_ARGS as u64 {
                cut |= 1;
            }
            if env_end.wrapping_sub(env) > MAX_ENVIRON as u64 {
                cut |= 2;
            }
            (*slot).cut = cut;
            (*slot).args_len = copy::<MAX_ARGS>((&raw mut (*slot).args).cast(), args, args_end);
            (*slot).environ_len = copy::<MAX_ENVIRON>((&raw mut (*slot).environ).cast(), env, env_end);
        }
    });
    0
}

/// Copies at most `N` bytes of `[from, end)`; returns how many.
///
/// # Safety
/// `to` must have room for `N` bytes.
#[inline(always)]
unsafe fn copy<const N: usize>(to: *mut u8, from: u64, end: u64) -> u32 {
    let mut len = end.wrapping_sub(from);
    if len > N as u64 {
        len = N as u64;
    }
    // SAFETY: bounded above; the helper checks the source.
    let failed = unsafe { bpf_probe_read_user(to.cast(), len as u32, from as *const core::ffi::c_void) };
    if failed == 0 { len as u32 } else { 0 }
}
