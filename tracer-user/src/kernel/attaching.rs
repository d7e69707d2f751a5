//! Programs that attach to what the kernel's type information names: tracepoints, and functions.

use aya::{
    Btf, Ebpf,
    programs::{Program, ProgramError},
};

use super::programs::ProgramSpec;

fn program<'a>(ebpf: &'a mut Ebpf, spec: &ProgramSpec) -> Result<&'a mut Program, ProgramError> {
    ebpf.program_mut(spec.name).ok_or(ProgramError::NotLoaded)
}

/// Loads a program.
pub(super) fn load(ebpf: &mut Ebpf, spec: &ProgramSpec, btf: &Btf) -> Result<(), ProgramError> {
    match program(ebpf, spec)? {
        Program::BtfTracePoint(program) => program.load(spec.tracepoint, btf),
        Program::FExit(program) => program.load(spec.tracepoint, btf),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// Attaches a program, until the object is dropped.
pub(super) fn attach(ebpf: &mut Ebpf, spec: &ProgramSpec) -> Result<(), ProgramError> {
    match program(ebpf, spec)? {
        Program::BtfTracePoint(program) => program.attach().map(drop),
        Program::FExit(program) => program.attach().map(drop),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// Attaches a program to the exit of a function for a moment.
pub(super) fn try_out(ebpf: &mut Ebpf, spec: &ProgramSpec) -> Result<(), ProgramError> {
    let Program::FExit(program) = program(ebpf, spec)? else {
        return Err(ProgramError::UnexpectedProgramType);
    };
    let link = program.attach()?;
    program.detach(link)
}
