//! The traced processes: who they are and whether they are selected.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use foldhash::fast::RandomState;
use tracer_k8s::Pods;

use crate::{
    config::{Config, EventLoops, OfInstrumented, Select, Verdict},
    connections::By,
    identity::{Block, Directory, Host, KernelProcess, ProcessFacts},
    ingest::ProcessRecord,
    instrumented::Instrumented,
    runtimes::{Runtime, Runtimes, is_interpreter},
    spans::{exchange::Exchange, span::Resource},
    waits::{self, Waits},
};

/// Processes known at a time; as many as the kernel side knows.
const MAX_PROCESSES: usize = tracer_common::limits::MAX_PROCESSES as usize;

/// How long a process is remembered after its exit, nanoseconds: the kernel tells of the exit before it closes the files, and the
/// requests in flight end with those.
const GRACE_NS: u64 = 5_000_000_000;

/// Interpreters that are to be looked at again, at a time.
const MAX_STARTING: usize = 1024;
/// How long an interpreter may take to load its library, nanoseconds: it takes a millisecond.
const START_NS: u64 = 50_000_000;

/// What the kernel side has to know of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is not traced.
    LeftOut,
    /// Selection rules include it as a whole.
    Included,
    /// It runs this.
    Runs(Runtime),
    /// Its event loop handles one event at a time.
    PromptLoop,
    /// Its threads wait for many connections at a time, by select(2) or poll(2).
    Polls,
}

/// The processes that were described.
#[derive(Debug)]
pub struct Processes {
    directory: Directory,
    verdicts: HashMap<u32, Verdict, RandomState>,
    /// Processes that ended, with when they did.
    ended: HashMap<u32, u64, RandomState>,
    select: Select,
    event_loops: EventLoops,
    /// Those that report their own spans, unless these are to be traced like any other.
    instrumented: Option<Instrumented>,
    runtimes: Runtimes,
    /// Interpreters that have started, whose libraries may still be on their way, with when they are to be looked at again.
    starting: VecDeque<(u64, u32)>,
    waits: Waits,
    /// Where to read more about a process, `None` when events are replayed.
    proc: Option<PathBuf>,
}

impl Processes {
    /// No process yet. `proc` is `/proc` where events are live.
    pub fn new(config: &Config, host: Host, proc: Option<PathBuf>) -> Self {
        let capacity = NonZeroUsize::new(MAX_PROCESSES).unwrap_or(NonZeroUsize::MIN);
        Self {
            directory: Directory::new(capacity, host, config.resource.attributes.clone()),
            verdicts: HashMap::default(),
            ended: HashMap::default(),
            select: config.select.clone(),
            event_loops: config.traces.event_loops.clone(),
            instrumented: (config.traces.instrumented == OfInstrumented::Yield).then(Instrumented::default),
            runtimes: Runtimes::default(),
            starting: VecDeque::new(),
            waits: Waits::default(),
            proc,
        }
    }

    /// Containers are looked up here from now on.
    pub fn know(&mut self, pods: Arc<Pods>) {
        self.directory.know(pods);
    }

    /// A process is described. Returns what the kernel side has to know of it.
    pub fn describe(&mut self, record: &ProcessRecord<'_>) -> Option<Mark> {
        let process = record.process;
        let facts = ProcessFacts::from_kernel(&KernelProcess {
            pid: process.header.tgid,
            parent_pid: process.parent_tgid,
            start_ns: process.start_boottime_ns,
            comm: &process.comm,
            exec_path: record.exec_path(),
            args: Block { bytes: record.args(), cut: process.cut & 1 != 0 },
            env: Block { bytes: record.environ(), cut: process.cut & 2 != 0 },
        });
        let (pid, prompt) = (facts.pid, self.event_loops.matches(&facts.executable_name()));
        if self.insert(facts) {
            return Some(Mark::LeftOut);
        }
        if prompt {
            return Some(Mark::PromptLoop);
        }
        self.runtimes.find(self.proc.as_deref()?, pid).map(Mark::Runs)
    }

    /// What the kernel side has to know of the processes that run now (by process id), before they are heard of. Those that are
    /// left out among them are not known yet.
    pub fn running(&mut self) -> Vec<(u32, Mark)> {
        let Some(proc) = self.proc.clone() else { return Vec::new() };
        let entries = std::fs::read_dir(&proc).into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut marks = Vec::new();
        for pid in pids.filter(|&pid| pid != std::process::id()) {
            marks.extend(self.mark(&proc, pid).map(|mark| (pid, mark)));
            if waits::is_event_loop(&proc, pid) {
                marks.push((pid, Mark::Polls));
            }
        }
        marks
    }

    /// A process runs another program: what the kernel side has to know of it before its first request.
    pub fn started(&mut self, pid: u32, now_ns: u64) -> Option<Mark> {
        let proc = self.proc.clone()?;
        self.waits.forget(pid);
        let mark = self.mark(&proc, pid);
        if mark.is_none() && self.starting.len() < MAX_STARTING && is_interpreter(&proc, pid) {
            self.starting.push_back((now_ns + START_NS, pid));
        }
        mark
    }

    /// As [`Self::started`], for those that are to be looked at again.
    pub fn starting(&mut self, now_ns: u64) -> Vec<(u32, Mark)> {
        let Some(proc) = self.proc.clone() else { return Vec::new() };
        let mut marks = Vec::new();
        while let Some(&(due_ns, pid)) = self.starting.front()
            && due_ns <= now_ns
        {
            self.starting.pop_front();
            marks.extend(self.mark(&proc, pid).map(|mark| (pid, mark)));
        }
        marks
    }

    /// A thread that is not known to wait for many connections read a request. Whether it turns out that it does.
    pub fn serves(&mut self, by: By, now_ns: u64) -> bool {
        let Some(proc) = &self.proc else { return false };
        !by.polled && self.waits.look(proc, by, now_ns)
    }

    fn mark(&mut self, proc: &Path, pid: u32) -> Option<Mark> {
        let exe = std::fs::read_link(proc.join(pid.to_string()).join("exe")).ok()?;
        if self.event_loops.matches(exe.file_name()?.to_str()?) {
            return Some(Mark::PromptLoop);
        }
        self.runtimes.find(proc, pid).map(Mark::Runs)
    }

    /// Returns whether the process is left out.
    fn insert(&mut self, mut facts: ProcessFacts) -> bool {
        if let Some(proc) = &self.proc {
            facts.enrich_from_proc(proc);
        }
        self.directory.find_container(&mut facts);
        self.directory.insert(&facts);
        let verdict = self.select.verdict(&facts);
        self.ended.remove(&facts.pid);
        if let Some(known) = &mut self.instrumented {
            known.forget(facts.pid);
        }
        let skipped = matches!(verdict, Verdict::Skip(_));
        self.verdicts.insert(facts.pid, verdict);
        skipped
    }

    /// A process ended.
    pub fn exit(&mut self, pid: u32, now_ns: u64) {
        if self.verdicts.contains_key(&pid) {
            self.ended.insert(pid, now_ns);
        }
    }

    /// Forgets processes that ended some seconds ago.
    pub fn sweep(&mut self, now_ns: u64) {
        let Self { directory, verdicts, ended, instrumented, waits, .. } = self;
        ended.retain(|&pid, &mut since_ns| {
            let stays = since_ns + GRACE_NS > now_ns;
            if !stays {
                directory.remove(pid, 0);
                verdicts.remove(&pid);
                waits.forget(pid);
                if let Some(known) = instrumented {
                    known.forget(pid);
                }
            }
            stays
        });
    }

    /// The resource of a process. One whose description was lost is looked up by its id alone.
    pub fn resource(&mut self, pid: u32) -> Arc<Resource> {
        if let Some(known) = self.directory.get(pid, 0) {
            return known;
        }
        self.insert(ProcessFacts { pid, ..ProcessFacts::default() });
        self.directory.get(pid, 0).unwrap_or_default()
    }

    /// Whether an exchange of this process on this server port is traced.
    pub fn selected(&self, pid: u32, server_port: Option<u16>) -> bool {
        match self.verdicts.get(&pid) {
            None | Some(Verdict::Trace) => true,
            Some(Verdict::Skip(_)) => false,
            Some(Verdict::ByPort(filter)) => filter.verdict(server_port) == Verdict::Trace,
        }
    }

    /// A request was seen: it may tell that its process reports its own spans.
    pub fn notice(&mut self, exchange: &Exchange) {
        if let Some(known) = &mut self.instrumented {
            known.notice(exchange, MAX_PROCESSES);
        }
    }

    /// Whether the process of an exchange reports its spans itself. One whose id was written into the request is needed all the same.
    pub fn reports_itself(&self, exchange: &Exchange) -> bool {
        let known = self.instrumented.as_ref();
        exchange.written.is_none() && known.is_some_and(|known| known.reports(exchange.by.tgid))
    }

    /// Whether a process is left out as a whole.
    pub fn is_left_out(&self, pid: u32) -> bool {
        matches!(self.verdicts.get(&pid), Some(Verdict::Skip(_)))
    }

    /// Whether selection rules include a process whatever the port.
    pub fn is_included(&self, pid: u32) -> bool {
        !self.select.is_empty() && matches!(self.verdicts.get(&pid), Some(Verdict::Trace))
    }

    /// Processes at hand.
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether none is at hand.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }
}
