//! Which thread of a traced process started another process: evidence for the requests that the other one makes.
//!
//! Taken at the fork itself: a process whose parent thread has ended shows another thread of the parent in its place.

use aya_ebpf::{bindings::BPF_ANY, helpers::bpf_ktime_get_ns};
use tracer_common::process::{ANNOUNCED, TASKS};

use crate::{maps::ORIGINS, task::current_task};

/// Where a process descends from.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// CLOCK_MONOTONIC nanoseconds of the first fork.
    pub(crate) time_ns: u64,
    /// The traced process.
    pub(crate) tgid: u32,
    /// Its thread.
    pub(crate) tid: u32,
    /// 1 once the process runs a program of its own. One that only forked may be a worker that serves many.
    pub(crate) own_program: u32,
    /// The task of its runtime that the thread was running.
    pub(crate) task: u32,
}

impl Origin {
    const NONE: Self = Self { time_ns: 0, tgid: 0, tid: 0, own_program: 0, task: 0 };
}

/// The current thread forked `child`. `known`: the flags of its process.
#[inline(always)]
pub(crate) fn forked(tgid: u32, tid: u32, child: u32, known: u32) {
    let mut origin = Origin::NONE;
    if known & ANNOUNCED != 0 {
        if known & TASKS != 0 {
            origin.task = current_task(tgid);
        }
        origin.tgid = tgid;
        origin.tid = tid;
        // SAFETY: a helper without arguments.
        origin.time_ns = unsafe { bpf_ktime_get_ns() };
    } else {
        // SAFETY: a copy is taken at once.
        match unsafe { ORIGINS.get(tgid) }.copied() {
            Some(parent) if parent.own_program != 0 => origin = parent,
            _ => return,
        }
        origin.own_program = 0;
    }
    let _ = ORIGINS.insert(child, origin, u64::from(BPF_ANY));
}

/// The process runs a program of its own from now on.
#[inline(always)]
pub(crate) fn executed(tgid: u32) {
    if let Some(origin) = ORIGINS.get_ptr_mut(tgid) {
        // SAFETY: a live map value, only written by its own process.
        unsafe { (*origin).own_program = 1 };
    }
}

/// The process ended.
#[inline(always)]
pub(crate) fn exited(tgid: u32) {
    let _ = ORIGINS.remove(tgid);
}

/// Where a process descends from, if it runs a program of its own; else zeros.
#[inline(always)]
pub(crate) fn of(tgid: u32) -> Origin {
    // SAFETY: a copy is taken at once.
    match unsafe { ORIGINS.get(tgid) }.copied() {
        Some(origin) if origin.own_program != 0 => origin,
        _ => Origin::NONE,
    }
}
