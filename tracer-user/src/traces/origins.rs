//! Which request a process was started for: evidence for the calls that it makes.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use tracer_common::{event::Process, limits::MAX_ORIGINS};

use crate::connections::{By, Work};

/// The fork that a process descends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The thread that forked, with the task of its runtime that it was running.
    pub(super) by: By,
    /// When it did, CLOCK_MONOTONIC nanoseconds.
    pub(super) time_ns: u64,
}

/// Origins of the processes that have one.
#[derive(Debug, Default)]
pub(super) struct Origins {
    by_process: HashMap<u32, Origin, RandomState>,
}

impl Origins {
    /// A process is described.
    pub(super) fn described(&mut self, process: &Process) {
        let tgid = process.header.tgid;
        if process.origin_tgid == 0 {
            self.by_process.remove(&tgid);
        } else if self.by_process.len() < MAX_ORIGINS as usize {
            let origin = Origin {
                by: By {
                    tgid: process.origin_tgid,
                    tid: process.origin_tid,
                    work: if process.origin_task == 0 {
                        Work::Unknown
                    } else {
                        Work::Task(process.origin_task)
                    },
                    polled: false,
                },
                time_ns: process.origin_ns,
            };
            self.by_process.insert(tgid, origin);
        }
    }

    /// A process received a request, so that it makes calls for others than the one that it was started for.
    pub(super) fn serves(&mut self, tgid: u32) {
        if !self.by_process.is_empty() {
            self.by_process.remove(&tgid);
        }
    }

    /// A process ended.
    pub(super) fn ended(&mut self, tgid: u32) {
        self.by_process.remove(&tgid);
    }

    /// Where a process descends from.
    pub(super) fn of(&self, tgid: u32) -> Option<Origin> {
        if self.by_process.is_empty() { None } else { self.by_process.get(&tgid).copied() }
    }
}
