//! Probes in traced programs (uprobes). Loaded when the first program that needs them is seen, attached once for each file, for all
//! the processes that run it, now and later.

use std::{collections::HashSet, path::Path};

use aya::Ebpf;

use super::{
    loader::ProgramState,
    programs::ProgramSpec,
    uprobes::{UprobeError, Uprobes},
};
use crate::runtimes::FileId;

/// Files with probes at a time: each holds descriptors until the daemon ends.
const MAX_FILES: usize = 1024;

/// Which files have probes.
#[derive(Debug, Default)]
pub(super) struct Probes {
    files: HashSet<FileId>,
}

impl Probes {
    /// Attaches programs to instructions of a file, given by their offsets in it, if it has no probes yet. Programs that are loaded
    /// for it are added to `states`.
    pub(super) fn attach(
        &mut self,
        ebpf: &mut Ebpf,
        uprobes: &mut Uprobes,
        states: &mut Vec<ProgramState>,
        (file, path): (FileId, &Path),
        sites: &[(&'static ProgramSpec, Option<u64>)],
    ) {
        if self.files.len() >= MAX_FILES || !self.files.insert(file) {
            return;
        }
        for &(spec, site) in sites {
            let Some(offset) = site else { continue };
            let reason = attach(ebpf, uprobes, spec, offset, path).err();
            let reason = reason.map(|error| format!("{error}; without it, {}", spec.loss));
            if let Some(reason) = &reason {
                tracing::warn!(program = spec.name, path = %path.display(), "A program cannot be probed: {reason}.");
            }
            match states.iter_mut().find(|state| state.spec.name == spec.name) {
                Some(state) => state.reason = state.reason.take().and(reason),
                None => states.push(ProgramState { spec, reason }),
            }
        }
    }
}

fn attach(
    ebpf: &mut Ebpf,
    uprobes: &mut Uprobes,
    spec: &ProgramSpec,
    offset: u64,
    path: &Path,
) -> Result<(), UprobeError> {
    uprobes.load(ebpf, spec.name)?;
    uprobes.attach(ebpf, spec.name, path, offset)
}
