//! Probes in functions of user programs and libraries.

use std::{
    fs::File,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use aya::{
    Ebpf,
    programs::{
        ProgramError, UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
    },
};

use super::programs::ProgramSpec;
use crate::libraries::{Library, Probe, Site};

/// What is said where a tracepoint would be named.
const FUNCTIONS: &str = "functions of TLS libraries";

const fn spec(name: &'static str) -> ProgramSpec {
    ProgramSpec {
        name,
        tracepoint: FUNCTIONS,
        need: super::programs::Need::Useful,
        loss: "TLS connections are not read",
    }
}

/// The programs, in the order of attaching: nobody enters a call whose return is not noticed.
pub const TLS_PROGRAMS: &[ProgramSpec] = &[
    spec("tls_forget"),
    spec("tls_made"),
    spec("tls_loosen"),
    spec("tls_unread"),
    spec("tls_sealed"),
    spec("tls_exit"),
    spec("tls_enter"),
    spec("go_tls_forget"),
    spec("go_tls_write"),
    spec("go_tls_return"),
    spec("go_tls_enter"),
];

/// Most files that are probed.
const MAX_LIBRARIES: usize = 1024;

/// A file and what became of it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The file.
    pub name: PathBuf,
    /// Why it is not read, `None` where it is.
    pub reason: Option<String>,
}

/// Probes that are set. Dropping them takes them away: the kernel waits for each until nobody runs in it, tens of milliseconds.
#[derive(Debug, Default)]
pub struct Links(Vec<UProbeLink>);

impl Links {
    /// Attaches a program to an instruction of a file, in every process that maps it now or later.
    pub(super) fn attach(
        &mut self,
        program: &mut UProbe,
        path: &Path,
        offset: u64,
        cookie: u64,
    ) -> Result<(), ProgramError> {
        let location = UProbeAttachLocation::AbsoluteOffset(offset);
        let point = UProbeAttachPoint { location, cookie: Some(cookie) };
        let link = program.attach(point, path, UProbeScope::AllProcesses)?;
        self.0.push(program.take_link(link)?);
        Ok(())
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        /// Threads that wait at a time: part of the waiting is done for all of them at once.
        const THREADS: usize = 64;
        let share = self.0.len().div_ceil(THREADS).max(1);
        std::thread::scope(|scope| {
            while !self.0.is_empty() {
                let links = self.0.split_off(self.0.len().saturating_sub(share));
                // A thread that cannot be started drops its links here.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || drop(links));
            }
        });
    }
}

/// Loads one of [`TLS_PROGRAMS`].
pub(super) fn load(ebpf: &mut Ebpf, spec: &ProgramSpec) -> Result<(), ProgramError> {
    program(ebpf, spec.name)?.load()
}

/// Attaches the programs to a file, in every process that maps it now or later.
pub(super) fn attach(ebpf: &mut Ebpf, links: &mut Links, probed: &mut Vec<Probed>, library: &Library) {
    let reason = if probed.len() >= MAX_LIBRARIES {
        Some(format!("{MAX_LIBRARIES} files are probed already"))
    } else {
        match attach_sites(ebpf, library) {
            Ok(mut new) => {
                links.0.append(&mut new.0);
                None
            }
            Err(error) => Some(format!("the kernel refuses the probes: {error}")),
        }
    };
    if !library.reads && reason.is_none() {
        // Nothing to be said of: it is a part of another library.
        return;
    }
    probed.push(Probed { name: library.name.clone(), reason });
}

/// All probes of a file, or none: half of them would tell half of the truth.
fn attach_sites(ebpf: &mut Ebpf, library: &Library) -> Result<Links, ProgramError> {
    let path = path(&library.file);
    let mut links = Links::default();
    for spec in TLS_PROGRAMS {
        for site in &library.sites {
            let Some(cookie) = cookie(spec.name, site) else { continue };
            links.attach(program(ebpf, spec.name)?, &path, site.offset, cookie)?;
        }
    }
    Ok(links)
}

/// The cookie of a program at a site, if the program belongs there. Those that need none get 0.
fn cookie(program: &str, site: &Site) -> Option<u64> {
    match (program, site.probe) {
        ("tls_enter", Probe::Call(cookie)) | ("go_tls_return", Probe::GoReturn(cookie)) => Some(cookie),
        ("tls_exit", Probe::Call(_))
        | ("tls_forget", Probe::Forget)
        | ("tls_made", Probe::Made)
        | ("tls_loosen", Probe::Loosen)
        | ("tls_unread", Probe::Unread)
        | ("tls_sealed", Probe::Sealed)
        | ("go_tls_write", Probe::GoWrite)
        | ("go_tls_forget", Probe::GoForget) => Some(0),
        ("go_tls_enter", Probe::GoCall(kind)) => Some(kind.into()),
        _ => None,
    }
}

/// A path by which the kernel finds the open file itself.
fn path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// A program that attaches to functions.
pub(super) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut UProbe, ProgramError> {
    ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)?.try_into()
}
