//! Loads the object, sets its globals, attaches its programs.

use std::path::{Path, PathBuf};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{Program, ProgramError},
    util::online_cpus,
};
use tracer_common::{
    config::KernelConfig,
    drops::KernelDrop,
    limits::MAX_RINGS,
    offsets::KernelOffsets,
    process,
    runtime::{Go, Python},
    verdict,
};

use super::{
    attaching,
    btf::{self, BtfError, VMLINUX},
    fill::Fills,
    memory,
    plan::Plan,
    probes::Probes,
    programs::{NEW_CONTEXT, NEW_GOROUTINE, Need, PROGRAMS, ProgramSpec, ROUND_TRIP, SHARED_WRITER},
    rings,
    uprobes::{Links, Probed, TLS_PROGRAMS, Uprobes},
};
use crate::{
    libraries::{Found, Library},
    runtimes::Runtime,
    spans::database::Judgement,
};

#[cfg(not(ebpf_stub))]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));
#[cfg(ebpf_stub)]
static OBJECT: &[u8] = &[];

/// Elements of a map that is needed for a self-test alone.
const UNUSED: u32 = 64;

/// The kernel side cannot be brought up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// This binary was built without kernel programs.
    #[error(
        "this binary was built with TRACER_EBPF_STUB=1 and holds no kernel programs; build it with `cargo xtask build`"
    )]
    Stub,
    /// No usable type information.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// aya cannot read the kernel's type information.
    #[error("the kernel's type information cannot be used: {0}")]
    KernelBtf(#[from] aya::BtfError),
    /// The object was refused.
    #[error("the kernel refuses the tracer's programs or maps: {0}")]
    Object(#[source] Box<aya::EbpfError>),
    /// A map operation failed.
    #[error("a map of the kernel side failed: {0}")]
    Map(#[from] MapError),
    /// A map that must exist does not.
    #[error("the object lacks map {0}; the binary is damaged or was built from mixed sources")]
    NoMap(&'static str),
    /// The number of CPUs cannot be read.
    #[error("cannot tell the number of CPUs ({0}): {1}")]
    Cpus(&'static str, std::io::Error),
    /// The ring buffers cannot be waited for.
    #[error("the ring buffers cannot be waited for: {0}")]
    Epoll(nix::errno::Errno),
    /// A required program was refused.
    #[error("the kernel refuses program {name} on {tracepoint}: {source}; without it, {loss}")]
    Program {
        /// The program.
        name: &'static str,
        /// Its tracepoint or function.
        tracepoint: &'static str,
        /// What that costs.
        loss: &'static str,
        /// The kernel's reason, with the verifier's log where there is one.
        source: Box<ProgramError>,
    },
    /// No plan works here.
    #[error("bytes through sockets cannot be seen in any way: {base}; {fexit}")]
    NoPlan {
        /// Why not by tracepoints.
        base: Box<LoadError>,
        /// Why not at the exit of functions.
        fexit: Box<LoadError>,
    },
}

impl From<aya::EbpfError> for LoadError {
    fn from(error: aya::EbpfError) -> Self {
        Self::Object(Box::new(error))
    }
}

impl LoadError {
    fn program(spec: &ProgramSpec, source: ProgramError) -> Self {
        let ProgramSpec { name, tracepoint, loss, .. } = *spec;
        Self::Program { name, tracepoint, loss, source: Box::new(source) }
    }
}

/// Whether one program runs.
#[derive(Clone, Debug)]
pub struct ProgramState {
    /// Which.
    pub spec: &'static ProgramSpec,
    /// Why it does not run, or `None` where it does.
    pub reason: Option<String>,
}

/// The running kernel side. Dropping it detaches everything; so does the end of the process, however it ends.
pub struct Kernel {
    ebpf: Ebpf,
    drops: PerCpuArray<MapData, u64>,
    processes: HashMap<MapData, u32, u32>,
    verdicts: HashMap<MapData, u64, u32>,
    runtimes: HashMap<MapData, u32, RuntimeBytes>,
    go_runtimes: HashMap<MapData, u32, GoBytes>,
    uprobes: Uprobes,
    runtime_probes: Probes,
    /// Changes with the flags of any process, so that the kernel side looks at them again.
    generation: Array<MapData, u32>,
    /// The ring buffers.
    pub rings: Vec<RingBuf<MapData>>,
    /// How bytes through sockets are seen.
    pub plan: Plan,
    /// Every program with its state.
    pub programs: Vec<ProgramState>,
    /// How full the maps are.
    pub fills: Fills,
    /// TLS libraries that were found, and programs that move TLS records by none that is known.
    pub libraries: Vec<Probed>,
    /// Whether TLS libraries can be probed.
    pub probes: bool,
}

/// What the kernel says of a program's cost so far (0 unless `kernel.bpf_stats_enabled`).
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgramCost {
    /// Runs.
    pub runs: u64,
    /// Nanoseconds in all of them.
    pub nanoseconds: u64,
}

/// Loads the object. Nothing is attached yet: see [`Kernel::attach`].
pub fn load(config: KernelConfig, ring_bytes: u32) -> Result<Kernel, LoadError> {
    if OBJECT.is_empty() {
        return Err(LoadError::Stub);
    }
    let offsets = btf::offsets(Path::new(VMLINUX))?;
    let cpus = online_cpus().map_err(|(file, error)| LoadError::Cpus(file, error))?;
    let slots = (cpus.len() as u32).next_power_of_two().min(MAX_RINGS);
    let config = KernelConfig { ring_mask: slots - 1, ..config };

    let tls = config.tls != 0;
    let (config, offsets) = (ConfigBytes(config), OffsetBytes(offsets));
    let mut loader = EbpfLoader::new();
    loader
        // Nothing in the object is relocated by it. `new` has read it all the same; this gives the memory back for the next time.
        .btf(None)
        .override_global("CONFIG", &config, true)
        .override_global("OFFSETS", &offsets, true)
        .map_max_entries("RINGS", slots)
        // Task storage, which is used by the programs alone.
        .allow_unsupported_maps();
    // The kernel sets memory aside for every element of these.
    if !tls {
        for map in ["TLS", "SEALED", "GO_CALLS"] {
            loader.map_max_entries(map, UNUSED);
        }
    }
    if config.0.propagation == 0 {
        for map in ["AWAITED", "HANDS", "PEERS", "SERVERS"] {
            loader.map_max_entries(map, UNUSED);
        }
    }
    let mut ebpf = loader.load(OBJECT)?;
    let fills = Fills::of(&ebpf)?;
    let mut uprobes = Uprobes::of(OBJECT, &ebpf);
    let drops = PerCpuArray::try_from(ebpf.take_map("DROPS").ok_or(LoadError::NoMap("DROPS"))?)?;
    let processes = HashMap::try_from(ebpf.take_map("PROCESSES").ok_or(LoadError::NoMap("PROCESSES"))?)?;
    let verdicts = HashMap::try_from(ebpf.take_map("VERDICTS").ok_or(LoadError::NoMap("VERDICTS"))?)?;
    let runtimes = HashMap::try_from(ebpf.take_map("RUNTIMES").ok_or(LoadError::NoMap("RUNTIMES"))?)?;
    let go_runtimes =
        HashMap::try_from(ebpf.take_map("GO_RUNTIMES").ok_or(LoadError::NoMap("GO_RUNTIMES"))?)?;
    let generation = Array::try_from(ebpf.take_map("GENERATION").ok_or(LoadError::NoMap("GENERATION"))?)?;

    let (plan, programs, probes) = load_programs(&mut ebpf, &mut uprobes, tls)?;
    // Between the two largest users of memory: types of a whole kernel before, rings behind.
    memory::give_back();
    let rings = rings::create(&mut ebpf, slots, ring_bytes)?;
    Ok(Kernel {
        ebpf,
        drops,
        processes,
        verdicts,
        runtimes,
        go_runtimes,
        uprobes,
        runtime_probes: Probes::default(),
        generation,
        rings,
        plan,
        programs,
        fills,
        libraries: Vec::new(),
        probes,
    })
}

/// Returns the plan, the state of each program, and whether TLS libraries can be probed.
fn load_programs(
    ebpf: &mut Ebpf,
    uprobes: &mut Uprobes,
    tls: bool,
) -> Result<(Plan, Vec<ProgramState>, bool), LoadError> {
    let kernel_btf = Btf::from_sys_fs()?;
    let mut programs = load_all(ebpf, PROGRAMS, &kernel_btf)?;
    let (plan, sockets) = match load_all(ebpf, Plan::Base.programs(), &kernel_btf) {
        Ok(states) => (Plan::Base, states),
        Err(base) => match load_exits(ebpf, &kernel_btf) {
            Ok(states) => (Plan::Fexit, states),
            Err(fexit) => {
                return Err(LoadError::NoPlan { base: Box::new(base), fexit: Box::new(fexit) });
            }
        },
    };
    programs.extend(sockets);
    let mut probes = tls;
    for spec in if tls { TLS_PROGRAMS } else { &[] } {
        let reason = uprobes.load(ebpf, spec.name).err();
        probes &= reason.is_none();
        let reason = reason.map(|error| format!("{error}; without it, {}", spec.loss));
        programs.push(ProgramState { spec, reason });
    }
    Ok((plan, programs, probes))
}

/// The states of those programs that this kernel may need.
fn load_all(
    ebpf: &mut Ebpf,
    specs: &'static [ProgramSpec],
    btf: &Btf,
) -> Result<Vec<ProgramState>, LoadError> {
    let mut states = Vec::new();
    for spec in specs {
        let reason = match attaching::load(ebpf, spec, btf) {
            Ok(()) => None,
            Err(ProgramError::Btf(aya::BtfError::UnknownBtfTypeName { .. }))
                if spec.need == Need::WhereThere =>
            {
                continue;
            }
            Err(source) if spec.need == Need::Required => {
                return Err(LoadError::program(spec, source));
            }
            Err(error) => Some(format!("{error}; without it, {}", spec.loss)),
        };
        states.push(ProgramState { spec, reason });
    }
    Ok(states)
}

/// The kernel takes programs for the exit of functions also where it cannot call them (before 6.4 on arm64): one is attached for a moment.
fn load_exits(ebpf: &mut Ebpf, btf: &Btf) -> Result<Vec<ProgramState>, LoadError> {
    let states = load_all(ebpf, Plan::Fexit.programs(), btf)?;
    if let Some(spec) = Plan::Fexit.programs().first() {
        attaching::try_out(ebpf, spec).map_err(|source| LoadError::program(spec, source))?;
    }
    Ok(states)
}

impl Kernel {
    /// Attaches every loaded program. From here on events arrive.
    pub fn attach(&mut self) -> Result<(), LoadError> {
        for state in &mut self.programs {
            if state.reason.is_some() || state.spec.need == Need::OnDemand {
                continue;
            }
            let spec = state.spec;
            if TLS_PROGRAMS.iter().any(|tls| tls.name == spec.name) {
                // Attached where a library is found.
                continue;
            }
            if let Err(source) = attaching::attach(&mut self.ebpf, spec) {
                if spec.need == Need::Required {
                    return Err(LoadError::program(spec, source));
                }
                state.reason = Some(format!("{source}; without it, {}", spec.loss));
            }
        }
        Ok(())
    }

    /// Probes a TLS library that was found, or remembers why it is not read.
    pub fn found(&mut self, found: Found) {
        /// What is said of, at most.
        const MAX_SAID: usize = 2048;
        let (name, reason) = match found {
            Found::Library(library) => return self.probe(&library),
            Found::Unknown { name, reason } => (name, reason),
            Found::Unread { program } => {
                (program, "it moves TLS records, by no library that is known".to_owned())
            }
        };
        let known = self.libraries.iter().any(|known| known.name == name);
        if !known && self.libraries.len() < MAX_SAID {
            self.libraries.push(Probed { name, reason: Some(reason) });
        }
    }

    fn probe(&mut self, library: &Library) {
        let Self { ebpf, uprobes, libraries, .. } = self;
        uprobes.probe(ebpf, libraries, library);
    }

    /// Whether probes are known to be set by links to many places at once, not one by one.
    pub fn probes_together(&self) -> bool {
        self.uprobes.together()
    }

    /// The probes that are set, for the caller to take them away when it likes.
    pub fn take_links(&mut self) -> Links {
        self.uprobes.take_links()
    }

    /// Drops counted by the kernel side so far, summed over CPUs.
    pub fn drops(&self) -> Result<Vec<(KernelDrop, u64)>, MapError> {
        KernelDrop::ALL
            .into_iter()
            .map(|reason| Ok((reason, self.drops.get(&(reason as u32), 0)?.iter().sum())))
            .collect()
    }

    /// Sets `tracer_common::process` flags of a process, keeping the others.
    pub fn mark_process(&mut self, tgid: u32, flags: u32) -> Result<(), MapError> {
        let known = match self.processes.get(&tgid, 0) {
            Ok(known) => known,
            Err(MapError::KeyNotFound) => 0,
            Err(error) => return Err(error),
        };
        self.processes.insert(tgid, known | flags, 0)?;
        let generation = self.generation.get(&0, 0)?.wrapping_add(1);
        self.generation.set(0, generation, 0)
    }

    /// Tells the kernel side what became of its guess at the protocol of a connection.
    pub fn judge(&mut self, conn: u64, judgement: Judgement) -> Result<(), MapError> {
        let value = match judgement {
            Judgement::Confirmed => verdict::CONFIRMED,
            Judgement::Refused => verdict::REFUSED,
        };
        self.verdicts.insert(conn, value, 0)
    }

    /// Tells the kernel side what a process runs, and probes that.
    pub fn watch(&mut self, tgid: u32, runtime: &Runtime) -> Result<(), MapError> {
        let Self { ebpf, uprobes, programs, runtime_probes: probes, .. } = self;
        let flag = match runtime {
            Runtime::Python(python) => {
                self.runtimes.insert(tgid, RuntimeBytes(python.layout), 0)?;
                let sites = [(&NEW_CONTEXT, python.new_context)];
                probes.attach(ebpf, uprobes, programs, (python.file, &python.path), &sites);
                process::TASKS
            }
            Runtime::Go(go) => {
                self.go_runtimes.insert(tgid, GoBytes(go.layout), 0)?;
                let path = PathBuf::from(format!("/proc/{tgid}/exe"));
                let sites = [
                    (&ROUND_TRIP, go.round_trip),
                    (&SHARED_WRITER, go.shared_writer),
                    (&NEW_GOROUTINE, Some(go.new_goroutine)),
                ];
                probes.attach(ebpf, uprobes, programs, (go.file, &path), &sites);
                process::GOROUTINES
            }
        };
        self.mark_process(tgid, flag)
    }

    /// A map that is taken out of the object.
    pub(super) fn take_map(&mut self, name: &str) -> Option<Map> {
        self.ebpf.take_map(name)
    }

    /// A map of the object.
    pub(super) fn map(&self, name: &str) -> Option<&Map> {
        self.ebpf.map(name)
    }

    /// A program of the object.
    pub(super) fn program(&mut self, name: &str) -> Option<&mut Program> {
        self.ebpf.program_mut(name)
    }

    /// Run count and time of each program.
    pub fn costs(&self) -> Vec<(&'static str, ProgramCost)> {
        self.programs
            .iter()
            .filter_map(|state| {
                let name = state.spec.name;
                let by_aya = || {
                    let info = self.ebpf.program(name)?.info().ok()?;
                    Some(ProgramCost {
                        runs: info.run_count(),
                        nanoseconds: info.run_time().as_nanos() as u64,
                    })
                };
                Some((name, self.uprobes.cost(name).or_else(by_aya)?))
            })
            .collect()
    }
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct ConfigBytes(KernelConfig);
#[derive(Clone, Copy)]
#[repr(transparent)]
struct OffsetBytes(KernelOffsets);
#[derive(Clone, Copy)]
#[repr(transparent)]
struct RuntimeBytes(Python);
#[derive(Clone, Copy)]
#[repr(transparent)]
struct GoBytes(Go);

// SAFETY: `repr(C)` structs of integers without padding (asserted by size in tracer-common where not all are alike): every
// bit pattern is valid.
unsafe impl aya::Pod for ConfigBytes {}
// SAFETY: as above.
unsafe impl aya::Pod for OffsetBytes {}
// SAFETY: as above.
unsafe impl aya::Pod for RuntimeBytes {}
// SAFETY: as above.
unsafe impl aya::Pod for GoBytes {}
