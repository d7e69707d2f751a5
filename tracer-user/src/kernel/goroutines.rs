//! Probes in Go programs: which goroutine works for which request. Loaded when the first such program is seen, attached once for
//! each file, for all the processes that run it, now and later.

use std::{collections::HashSet, path::PathBuf};

use aya::{
    Ebpf,
    maps::{HashMap, MapData, MapError},
    programs::{ProgramError, UProbe, uprobe::UProbeAttachLocation, uprobe::UProbeScope},
};
use tracer_common::runtime::Go;

use super::{
    loader::{LoadError, ProgramState},
    programs::{NEW_GOROUTINE, ProgramSpec, ROUND_TRIP},
};
use crate::runtimes::GoProgram;

/// Files with probes at a time: each holds descriptors until the daemon ends.
const MAX_FILES: usize = 1024;

/// The probes.
pub(super) struct Goroutines {
    runtimes: HashMap<MapData, u32, GoBytes>,
    /// Files that were seen to, by device and inode.
    files: HashSet<(u64, u64)>,
}

impl Goroutines {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, LoadError> {
        let map = ebpf.take_map("GO_RUNTIMES").ok_or(LoadError::NoMap("GO_RUNTIMES"))?;
        Ok(Self { runtimes: HashMap::try_from(map)?, files: HashSet::new() })
    }

    /// Tells the kernel side of a process that runs `program`. Programs that are loaded for it are added to `states`.
    pub(super) fn watch(
        &mut self,
        ebpf: &mut Ebpf,
        states: &mut Vec<ProgramState>,
        pid: u32,
        program: &GoProgram,
    ) -> Result<(), MapError> {
        self.runtimes.insert(pid, GoBytes(program.layout), 0)?;
        if self.files.len() < MAX_FILES && self.files.insert(program.file) {
            let path = PathBuf::from(format!("/proc/{pid}/exe"));
            let sites: [(&'static ProgramSpec, _); 2] =
                [(&ROUND_TRIP, program.round_trip), (&NEW_GOROUTINE, program.new_goroutine)];
            for (spec, site) in sites {
                let Some(offset) = site else { continue };
                let reason = attach(ebpf, states, spec, offset, &path)
                    .err()
                    .map(|error| format!("{error}; without it, {}", spec.loss));
                if let Some(reason) = &reason {
                    tracing::warn!(pid, program = spec.name, "A Go program is not probed: {reason}.");
                }
                match states.iter_mut().find(|state| state.spec.name == spec.name) {
                    Some(state) => state.reason = state.reason.take().and(reason),
                    None => states.push(ProgramState { spec, reason }),
                }
            }
        }
        Ok(())
    }
}

fn attach(
    ebpf: &mut Ebpf,
    states: &[ProgramState],
    spec: &ProgramSpec,
    offset: u64,
    path: &PathBuf,
) -> Result<(), ProgramError> {
    let program: &mut UProbe = ebpf.program_mut(spec.name).ok_or(ProgramError::NotLoaded)?.try_into()?;
    if !states.iter().any(|state| state.spec.name == spec.name && state.reason.is_none()) {
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
            Err(error) => return Err(error),
        }
    }
    program.attach(UProbeAttachLocation::AbsoluteOffset(offset), path, UProbeScope::AllProcesses).map(drop)
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct GoBytes(Go);

// SAFETY: a `repr(C)` struct of two `u32`: every bit pattern is valid.
unsafe impl aya::Pod for GoBytes {}
