//! Probes in functions of user programs and libraries.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use aya::{
    Ebpf,
    programs::{
        ProgramError, UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
    },
};

use super::{loader::ProgramCost, multi::Multi, programs::ProgramSpec};
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

/// Probes that are set. Dropping them takes them away: the kernel waits for each link until nobody runs in it, a tenth of a second.
#[derive(Debug, Default)]
pub struct Links(Vec<Link>);

#[derive(Debug)]
enum Link {
    /// To one place.
    One(#[expect(dead_code, reason = "what it is for is to be dropped")] UProbeLink),
    /// To some places of a file.
    Many(#[expect(dead_code, reason = "what it is for is to be dropped")] OwnedFd),
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

/// The kernel refuses a program for probes, or the probes.
#[derive(Debug, thiserror::Error)]
pub(super) enum UprobeError {
    #[error(transparent)]
    One(#[from] ProgramError),
    #[error(transparent)]
    Many(#[from] io::Error),
}

/// The programs for probes: loaded for many places at a time where the kernel can (6.6), for one else.
pub(super) struct Uprobes {
    multi: Multi,
    /// One at least is loaded for single probes.
    singly: bool,
    links: Links,
}

impl Uprobes {
    /// Those of `object`, which was loaded as `ebpf` and still has all of its maps.
    pub(super) fn of(object: &[u8], ebpf: &Ebpf) -> Self {
        let multi = Multi::of(object, ebpf).unwrap_or_else(|error| {
            tracing::debug!(%error, "programs are loaded for single probes");
            Multi::default()
        });
        Self { multi, singly: false, links: Links::default() }
    }

    /// Loads a program, if it is not yet.
    pub(super) fn load(&mut self, ebpf: &mut Ebpf, name: &str) -> Result<(), UprobeError> {
        let Err(error) = self.multi.load(name) else { return Ok(()) };
        self.singly = true;
        tracing::debug!(name, %error, "a program is loaded for single probes");
        match program(ebpf, name)?.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Attaches a loaded program to an instruction of a file, by its offset, in every process that maps it now or later.
    pub(super) fn attach(
        &mut self,
        ebpf: &mut Ebpf,
        name: &str,
        path: &Path,
        offset: u64,
    ) -> Result<(), UprobeError> {
        let mut links = self.set(ebpf, name, path, &[(offset, 0)])?;
        self.links.0.append(&mut links.0);
        Ok(())
    }

    /// Probes that are set in a file, each an offset with the cookie that the program sees there.
    fn set(
        &self,
        ebpf: &mut Ebpf,
        name: &str,
        path: &Path,
        sites: &[(u64, u64)],
    ) -> Result<Links, UprobeError> {
        if sites.is_empty() {
            return Ok(Links::default());
        }
        if self.multi.has(name) {
            return Ok(Links(vec![Link::Many(self.multi.attach(name, path, sites)?)]));
        }
        let (program, mut links) = (program(ebpf, name)?, Links::default());
        for &(offset, cookie) in sites {
            let location = UProbeAttachLocation::AbsoluteOffset(offset);
            let point = UProbeAttachPoint { location, cookie: Some(cookie) };
            let link = program.attach(point, path, UProbeScope::AllProcesses)?;
            links.0.push(Link::One(program.take_link(link)?));
        }
        Ok(links)
    }

    /// The probes that are set, for the caller to take them away when it likes.
    pub(super) fn take_links(&mut self) -> Links {
        std::mem::take(&mut self.links)
    }

    /// Whether every program that was loaded so far, one at least, attaches to many places at a time.
    pub(super) fn together(&self) -> bool {
        self.multi.is_used() && !self.singly
    }

    /// What the kernel says of the cost of a program that is loaded here.
    pub(super) fn cost(&self, name: &str) -> Option<ProgramCost> {
        self.multi.cost(name)
    }

    /// Attaches [`TLS_PROGRAMS`] to a file.
    pub(super) fn probe(&mut self, ebpf: &mut Ebpf, probed: &mut Vec<Probed>, library: &Library) {
        let reason = if probed.len() >= MAX_LIBRARIES {
            Some(format!("{MAX_LIBRARIES} files are probed already"))
        } else {
            match self.attach_all(ebpf, library) {
                Ok(mut new) => {
                    self.links.0.append(&mut new.0);
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
    fn attach_all(&self, ebpf: &mut Ebpf, library: &Library) -> Result<Links, UprobeError> {
        let path = path(&library.file);
        let mut links = Links::default();
        for spec in TLS_PROGRAMS {
            let sites = library.sites.iter().filter_map(|site| Some((site.offset, cookie(spec.name, site)?)));
            links.0.append(&mut self.set(ebpf, spec.name, &path, &sites.collect::<Vec<_>>())?.0);
        }
        Ok(links)
    }
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
fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut UProbe, ProgramError> {
    ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)?.try_into()
}
