//! Looks for libraries: where they are usually installed, and in the processes that are named. On a thread of its own, since
//! a look takes milliseconds.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
};

use foldhash::fast::RandomState;
use object::ReadCache;

use super::{
    elf::Elf,
    plan::{Plan, Site, functions, plan},
};
use crate::kernel::{memory::give_back, privileges::only_look};

/// Processes that wait to be looked at; each asks once, and one that finds no room is not looked at.
const QUEUE: usize = 1024;
/// Files and roots that are remembered. Beyond that, nothing new is looked at.
const MAX_KNOWN: usize = 65_536;

/// Folders that libraries are installed in, below a root (ld.so(8); Debian's multiarch).
const FOLDERS: [&str; 6] =
    ["lib64", "usr/lib64", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib", "usr/local/lib"];

/// A file that can be probed.
#[derive(Debug)]
pub struct Library {
    /// The file as the process that it was found in names it.
    pub name: PathBuf,
    /// The file, held open so that it can be probed whatever becomes of that process.
    pub file: File,
    /// Where.
    pub sites: Vec<Site>,
    /// Whether connections are read there; if not, it only helps those that are read elsewhere.
    pub reads: bool,
}

/// What a look brought.
#[derive(Debug)]
pub enum Found {
    /// A file to be probed.
    Library(Library),
    /// A file that has the functions, and is left alone.
    Unknown {
        /// The file as the process that it was found in names it.
        name: PathBuf,
        /// Why.
        reason: String,
    },
    /// A process that uses TLS, and no library that is known.
    Unread {
        /// What it runs.
        program: PathBuf,
    },
}

/// What to look at, by process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A process that has just started, or runs already: its program, and the usual folders of its root.
    Program(u32),
    /// A process that uses TLS: every file that it runs.
    Whole(u32),
}

/// The thread that looks.
#[derive(Debug)]
pub struct Search {
    processes: SyncSender<Look>,
    found: Receiver<Found>,
}

impl Search {
    /// Looks in the usual folders of this host, then starts the thread. `wake` is called when it finds something.
    pub fn start(proc: PathBuf, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (processes, asked) = sync_channel(QUEUE);
        // Bounded: the thread waits for the capture loop.
        let (sender, found) = sync_channel(QUEUE);
        let mut looks = Looks::new(proc);
        // Before anything else: what is started from now on finds its library probed.
        looks.folders(Path::new("/"), &mut |found| drop(sender.try_send(found)));
        std::thread::Builder::new().name("tracer-libraries".into()).spawn(move || {
            only_look();
            let mut report = |found| {
                // The capture loop that is gone wants nothing.
                let _ = sender.send(found);
                wake();
            };
            // What runs already may open its first TLS connection in a moment.
            for pid in looks.running() {
                looks.program(pid, &mut report);
            }
            // What files were read into goes back before a wait, which may be long.
            let next = || {
                asked.try_recv().or_else(|_| {
                    give_back();
                    asked.recv()
                })
            };
            while let Ok(look) = next() {
                match look {
                    Look::Program(pid) => looks.program(pid, &mut report),
                    Look::Whole(pid) => looks.process(pid, &mut report),
                }
            }
        })?;
        Ok(Self { processes, found })
    }

    /// Asks for a look at a process. False where too many wait.
    pub fn look_at(&self, look: Look) -> bool {
        self.processes.try_send(look).is_ok()
    }

    /// What was found since the last call.
    pub fn take(&self) -> impl Iterator<Item = Found> {
        self.found.try_iter()
    }
}

/// Identity of a file: device and inode.
type FileId = (u64, u64);

struct Looks {
    proc: PathBuf,
    /// Files that were looked at, and whether they have the functions that connections are read by.
    known: HashMap<FileId, bool, RandomState>,
    /// Roots of file systems whose usual folders were looked at.
    roots: HashSet<FileId, RandomState>,
}

impl Looks {
    fn new(proc: PathBuf) -> Self {
        Self { proc, known: HashMap::default(), roots: HashSet::default() }
    }

    /// The usual folders below a root, once for each root.
    fn folders(&mut self, root: &Path, report: &mut impl FnMut(Found)) {
        let Ok(id) = fs::metadata(root).map(|root| id(&root)) else { return };
        if self.roots.len() >= MAX_KNOWN || !self.roots.insert(id) {
            return;
        }
        for folder in FOLDERS {
            let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
            for entry in entries.flatten() {
                let is_library = entry.file_name().to_str().is_some_and(is_tls_library);
                if is_library && let Ok(file) = File::open(entry.path()) {
                    let name = Path::new("/").join(folder).join(entry.file_name());
                    self.file(file, &name, report);
                }
            }
        }
    }

    /// Processes that run now, but this one.
    fn running(&self) -> Vec<u32> {
        let entries = fs::read_dir(&self.proc).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|&pid| pid != std::process::id()).collect()
    }

    /// The program that a process runs, which may hold the functions itself (Node.js, Go), and the usual folders of its root, which
    /// is another one in a container.
    fn program(&mut self, pid: u32, report: &mut impl FnMut(Found)) {
        let process = self.proc.join(pid.to_string());
        let link = process.join("exe");
        // A kernel thread runs none, and most processes that have started are gone by now.
        let (Ok(name), Ok(file)) = (fs::read_link(&link), File::open(&link)) else { return };
        self.file(file, &name, report);
        self.folders(&process.join("root"), report);
    }

    /// The files that a process runs.
    fn process(&mut self, pid: u32, report: &mut impl FnMut(Found)) {
        let process = self.proc.join(pid.to_string());
        let Ok(maps) = fs::read_to_string(process.join("maps")) else { return };
        let root = process.join("root");
        let mut has_functions = false;
        for mapping in maps.lines().filter_map(Mapping::read) {
            // The link leads to the file itself, also one that is deleted or in another mount namespace (proc_pid_map_files(5)).
            let link = process.join("map_files").join(mapping.range);
            let below_root = || File::open(root.join(mapping.path.strip_prefix('/')?)).ok();
            if let Some(file) = File::open(link).ok().or_else(below_root) {
                has_functions |= self.file(file, Path::new(mapping.path), report);
            }
        }
        if !has_functions && let Ok(program) = fs::read_link(process.join("exe")) {
            report(Found::Unread { program });
        }
        // Its neighbours will want the same libraries, and not later than their first request.
        self.folders(&root, report);
    }

    /// Looks at a file, once. Returns whether it has the functions.
    fn file(&mut self, file: File, name: &Path, report: &mut impl FnMut(Found)) -> bool {
        let Ok(id) = file.metadata().map(|file| id(&file)) else { return false };
        if let Some(&has_functions) = self.known.get(&id) {
            return has_functions;
        }
        if self.known.len() >= MAX_KNOWN {
            return false;
        }
        let plan = {
            // Of a file of many megabytes, the symbol table is all that is read.
            let cache = ReadCache::new(&file);
            Elf::read(&cache, &functions()).map_or(Plan::Nothing, |elf| plan(&elf, &file))
        };
        let has_functions = matches!(plan, Plan::Sites { reads: true, .. } | Plan::Unknown(_));
        self.known.insert(id, has_functions);
        let name = name.to_owned();
        match plan {
            Plan::Nothing => {}
            Plan::Sites { sites, reads } => report(Found::Library(Library { name, file, sites, reads })),
            Plan::Unknown(reason) => report(Found::Unknown { name, reason }),
        }
        has_functions
    }
}

fn id(metadata: &fs::Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// `libssl.so.3`, `libcrypto.so.3`, `libssl-6a9b88ec.so.1.1`
fn is_tls_library(name: &str) -> bool {
    ["libssl", "libcrypto", "libgnutls"].iter().any(|start| name.starts_with(start)) && name.contains(".so")
}

/// The executable part of a file in an address space: a line of /proc/PID/maps.
#[derive(Debug, PartialEq, Eq)]
struct Mapping<'a> {
    /// Start and end, as /proc/PID/map_files names them.
    range: &'a str,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    /// Reads `address perms offset dev inode path` (proc_pid_maps(5)).
    fn read(line: &'a str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (permissions, rest) = rest.split_once(' ')?;
        let path = rest.get(rest.find('/')?..)?;
        (permissions.as_bytes().get(2) == Some(&b'x')).then_some(Self { range, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_files_are_mappings() {
        let line = "7f00-7f10 r-xp 0001f000 fe:00 393 /usr/lib/with space/libssl.so.3";
        let mapping = Mapping { range: "7f00-7f10", path: "/usr/lib/with space/libssl.so.3" };
        assert_eq!(Mapping::read(line), Some(mapping));
        for other in [
            "7f00-7f10 r--p 0001f000 fe:00 393 /usr/lib/libssl.so.3",
            "7f00-7f10 r-xp 00000000 00:00 0 [vdso]",
            "7f00-7f10 r-xp",
            "",
        ] {
            assert_eq!(Mapping::read(other), None, "{other}");
        }
    }

    #[test]
    fn names_of_libraries() {
        assert!(is_tls_library("libssl.so.3") && is_tls_library("libssl-6a9b88ec.so.1.1"));
        assert!(
            is_tls_library("libcrypto.so.3") && !is_tls_library("libssl.a") && !is_tls_library("libz.so.1")
        );
    }

    #[test]
    fn a_process_without_the_functions_is_unread() {
        let mut found = Vec::new();
        Looks::new("/proc".into()).process(std::process::id(), &mut |one| found.push(one));
        let program = fs::read_link("/proc/self/exe").unwrap();
        let unread = |one: &&Found| matches!(one, Found::Unread { program: named } if *named == program);
        assert_eq!(found.iter().filter(unread).count(), 1, "{found:?}");
    }

    #[test]
    fn a_file_is_reported_once() {
        let path = Path::new("/usr/lib/x86_64-linux-gnu/libssl.so.3");
        let Ok(file) = File::open(path) else { return };
        let (mut look, mut reports) = (Looks::new("/proc".into()), 0);
        let mut report = |_| reports += 1;
        assert!(look.file(file.try_clone().unwrap(), path, &mut report));
        assert!(look.file(file, path, &mut report));
        assert_eq!(reports, 1);
    }
}
