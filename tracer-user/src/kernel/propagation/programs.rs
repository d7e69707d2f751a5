//! Loading, attaching, switching and counting.

use std::{fs::File, path::Path};

use aya::{
    maps::{Array, MapData, MapError, PerCpuArray, SockHash},
    programs::{CgroupAttachMode, ProgramError, SkMsg, SockOps, sock_ops::SockOpsLinkId},
};
use tracer_common::propagation::Outcome;

use super::PropagationError;
use crate::kernel::loader::Kernel;

/// The program that sees first messages.
const WRITER: &str = "write_context";
/// The program that chooses the sockets.
const ENROLLER: &str = "enrol";
/// The map between the two.
const AWAITED: &str = "AWAITED";

/// The maps that the daemon needs.
pub(super) struct Programs {
    switch: Array<MapData, u32>,
    outcomes: PerCpuArray<MapData, u64>,
}

impl Programs {
    /// Loads both programs; they do nothing yet.
    pub(super) fn load(kernel: &mut Kernel) -> Result<Self, PropagationError> {
        let switch = kernel.take_map("SWITCH").ok_or(PropagationError::Missing("SWITCH"))?;
        let outcomes = kernel.take_map("OUTCOMES").ok_or(PropagationError::Missing("OUTCOMES"))?;
        let programs = Self { switch: Array::try_from(switch)?, outcomes: PerCpuArray::try_from(outcomes)? };
        let awaited = kernel.map(AWAITED).ok_or(PropagationError::Missing(AWAITED))?;
        let awaited =
            SockHash::<_, u64>::try_from(awaited)?.fd().try_clone().map_err(PropagationError::Untested)?;
        let refused = |name| move |error| PropagationError::Program(name, error);
        let writer = writer(kernel).map_err(refused(WRITER))?;
        writer.load().and_then(|()| writer.attach(&awaited).map(drop)).map_err(refused(WRITER))?;
        enroller(kernel).and_then(SockOps::load).map_err(refused(ENROLLER))?;
        Ok(programs)
    }

    /// Lets the processes of a cgroup, and of those below it, be seen.
    pub(super) fn enrol(kernel: &mut Kernel, cgroup: &Path) -> Result<SockOpsLinkId, PropagationError> {
        let directory =
            File::open(cgroup).map_err(|error| PropagationError::Cgroup(cgroup.to_owned(), error))?;
        // A link of its own: programs of others stay, and the kernel detaches it when the daemon ends, however it ends.
        enroller(kernel)
            .and_then(|enroller| enroller.attach(directory, CgroupAttachMode::Single))
            .map_err(|error| PropagationError::Program(ENROLLER, error))
    }

    /// Takes [`Self::enrol`] back.
    pub(super) fn dismiss(kernel: &mut Kernel, link: SockOpsLinkId) -> Result<(), PropagationError> {
        enroller(kernel)
            .and_then(|enroller| enroller.detach(link))
            .map_err(|error| PropagationError::Program(ENROLLER, error))
    }

    /// Detaches and unloads both.
    pub(super) fn unload(kernel: &mut Kernel) {
        // What was not loaded cannot be unloaded, which is as good.
        let _ = enroller(kernel).and_then(SockOps::unload);
        let _ = writer(kernel).and_then(SkMsg::unload);
    }

    /// Sets `tracer_common::propagation::switch`, the process of the self-test, and `tracer_common::propagation::streams`.
    pub(super) fn set(&mut self, state: u32, pid: u32, streams: u32) -> Result<(), PropagationError> {
        self.switch.set(1, pid, 0)?;
        self.switch.set(2, streams, 0)?;
        Ok(self.switch.set(0, state, 0)?)
    }

    /// The counters, summed over CPUs.
    pub(super) fn outcomes(&self) -> Result<Vec<(Outcome, u64)>, MapError> {
        let count = |outcome| Ok((outcome, self.outcomes.get(&(outcome as u32), 0)?.iter().sum()));
        Outcome::ALL.into_iter().map(count).collect()
    }
}

fn writer(kernel: &mut Kernel) -> Result<&mut SkMsg, ProgramError> {
    kernel.program(WRITER).ok_or(ProgramError::NotLoaded)?.try_into()
}

fn enroller(kernel: &mut Kernel) -> Result<&mut SockOps, ProgramError> {
    kernel.program(ENROLLER).ok_or(ProgramError::NotLoaded)?.try_into()
}
