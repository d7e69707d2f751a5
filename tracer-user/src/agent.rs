//! The daemon: capture loop, control socket, orderly start and end.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use aya::maps::MapError;
use tracer_common::{config::KernelConfig, process};
use tracer_k8s::{Pods, Watcher};
use tracer_otlp::{DropReason, SettingsError};

use crate::{
    asked::{ListenError, Listener},
    clock::{WallClock, monotonic_ns},
    config::{self, Config, Environment, Print},
    control::{Control, ControlError, Pending},
    export::{
        batches::Batches,
        output::{Output, Show, VERSION},
        target::MAIN,
        tree::Style,
    },
    exporters,
    identity::Host,
    ingest::Capture,
    kernel::{
        fill::Fill,
        loader::{self, LoadError},
        memory::give_back,
        preflight::explain_start_failure,
        privileges::{self, CapabilitySet, PrivilegeError},
        uprobes::Probed,
    },
    metrics::{Exposition, Format, Push, write_own},
    pipeline::Pipeline,
    processes::{Mark, Processes},
    sampling::StrategyRequest,
    telemetry::{
        drops::Drop as DropKind,
        own,
        status::{DropCount, Export, Library, MapFill, Program, Snapshot, Spans},
    },
    traces::ids::Ids,
    writing::Writing,
};

/// How long the end may take: what is not delivered by then is counted as lost.
const SHUTDOWN: Duration = Duration::from_secs(4);

/// The stages of spans and of metrics on their way to a backend.
const EXPORT: &str = "export";
const PUSH: &str = "metrics";

/// A stage, with the name of the backend if it is not that of `[export.otlp]`.
fn stage(stage: &str, backend: &str) -> String {
    if backend == MAIN { stage.to_owned() } else { format!("{stage}/{backend}") }
}

/// A daemon cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable or key of the exporter makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The exporter refuses what it is given.
    #[error("an exporter cannot be started: {0}")]
    Exporter(#[from] tracer_otlp::StartError),
    /// A file for spans cannot be opened.
    #[error("The file {} for spans cannot be opened: {source}. Make it writable, or name another.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The control socket cannot be opened.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// An endpoint that answers questions cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The settings of Kubernetes make no sense.
    #[error(transparent)]
    Kubernetes(#[from] tracer_k8s::SettingsError),
    /// Kubernetes cannot be watched.
    #[error("the thread that watches Kubernetes cannot be started: {0}")]
    Watcher(#[source] io::Error),
    /// The kernel side cannot be brought up.
    #[error("{}", explain_start_failure(.0))]
    Kernel(LoadError),
}

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        // Not as a source: the explanation says what the error says.
        Self::Kernel(error)
    }
}

impl StartError {
    /// Whether the configuration, and not the host, is the reason.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::Exporter(_) | Self::File { .. } | Self::Kubernetes(_))
    }
}

/// How a daemon is started.
pub struct Options {
    /// The configuration.
    pub config: Config,
    /// Variables of the daemon's own environment.
    pub environment: Environment,
    /// Trace only processes that are marked as selected, and their children.
    pub only_selected: bool,
    /// Where to listen for `tracer status` and `tracer tail`, if at all.
    pub socket: Option<PathBuf>,
    /// Where spans and metrics go.
    pub backends: Backends,
    /// Whether the process is the daemon alone, so that it can give up privileges: all but what a daemon needs and these.
    /// `None` where it has more to do: what it starts is to be started as by anybody else.
    pub keep: Option<CapabilitySet>,
}

/// Where spans and metrics go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    /// Nowhere.
    None,
    /// Where the configuration says.
    Configured,
    /// To the backend of `tracer run`, which keeps traces and wants to know how the daemon is.
    Own,
}

/// A running daemon.
pub struct Agent {
    capture: Capture,
    propagation: Writing,
    pipeline: Pipeline,
    output: Output,
    control: Option<Control>,
    scrapes: Option<Listener<Format>>,
    strategies: Option<Listener<StrategyRequest>>,
    kubernetes: Option<Watcher>,
    /// With the names of their backends.
    pushes: Vec<(String, Push)>,
    started: Instant,
    records: u64,
}

/// Loads the kernel side for a configuration, without attaching it.
pub fn load_kernel(config: &Config, only_selected: bool) -> Result<loader::Kernel, loader::LoadError> {
    let capture = &config.capture;
    let kernel = KernelConfig {
        self_tgid: std::process::id(),
        only_selected: only_selected.into(),
        unix_sockets: capture.unix_sockets.into(),
        framed: u32::from(capture.databases),
        dns: u32::from(capture.dns),
        connects: u32::from(capture.failed_connects),
        request_head: capture.request_head_bytes,
        response_head: capture.response_head_bytes,
        message_budget: capture.message_bytes,
        wake_bytes: capture.ring_bytes / 8,
        ring_mask: 0,
        tls: config.tls.enabled.into(),
        propagation: config.propagation.enabled.into(),
        only_included: (!config.select.is_empty()).into(),
    };
    loader::load(kernel, capture.ring_bytes)
}

/// A pipeline that looks processes up in this host's /proc.
pub fn live_pipeline(config: &Config, pods: Option<Arc<Pods>>) -> Pipeline {
    let mut processes = Processes::new(config, Host::read(Path::new("/")), Some(PathBuf::from("/proc")));
    if let Some(pods) = pods {
        processes.know(pods);
    }
    Pipeline::new(config, processes, Ids::random().with_xray(config.traces.xray_ids), WallClock::now())
}

/// A flag that is set when the process is asked to end (SIGINT, SIGTERM).
pub fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

/// A flag that is set when the process is asked to read its configuration again (SIGHUP).
pub fn reload_flag() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, flag.clone())?;
    Ok(flag)
}

/// How trees look on this terminal.
pub fn terminal_style(terminal: &impl IsTerminal) -> Style {
    let color = terminal.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = if terminal.is_terminal() {
        terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
    } else {
        None
    };
    Style { width, color, ..Style::default() }
}

/// Tells the kernel side of a process. One that has ended meanwhile is no matter.
fn tell(kernel: &mut loader::Kernel, pid: u32, mark: &Mark) {
    let told = match mark {
        Mark::LeftOut => kernel.mark_process(pid, process::EXCLUDED),
        Mark::Included => kernel.mark_process(pid, process::INCLUDED),
        // However it waits.
        Mark::PromptLoop => kernel.mark_process(pid, process::PROMPT | process::POLLS),
        Mark::Polls => kernel.mark_process(pid, process::POLLS),
        Mark::Runs(runtime) => kernel.watch(pid, runtime),
    };
    if let Err(error) = told {
        tracing::debug!(pid, ?mark, %error, "the kernel side cannot be told of a process");
    }
}

impl Agent {
    /// Loads, connects and attaches everything. From its return on, traces are made.
    pub fn start(options: &Options) -> Result<Self, StartError> {
        let config = &options.config;
        let mut output = Output::new();
        let control = options.socket.as_deref().map(Control::listen).transpose()?;
        let scrapes = config.metrics.listen.map(Listener::listen).transpose()?;
        let strategies = config.remote_sampling.listen.map(Listener::listen).transpose()?;
        let keep = options.keep.filter(|_| config.security.drop_capabilities);
        if let Some(more) = keep {
            kept("capabilities", privileges::before_loading(config, more));
        }
        let mut kernel = load_kernel(config, options.only_selected)?;
        // Before anything is seen: the self-test is none of the traced traffic.
        let propagation = Writing::start(&mut kernel, config);
        let kubernetes = kubernetes(config, &options.environment)?;
        let mut pipeline = live_pipeline(config, kubernetes.as_ref().map(|watcher| watcher.pods().clone()));
        for (pid, mark) in pipeline.running() {
            tell(&mut kernel, pid, &mark);
        }
        let capture = Capture::start(kernel)?;
        if let Some(more) = keep
            && let Some(left) = kept(
                "capabilities",
                privileges::after_attaching(config, more, capture.kernel.probes_together()),
            )
        {
            tracing::info!(capabilities = privileges::names(left), "everything else was given up");
        }
        // What runs already was looked at.
        give_back();
        // Their threads have what is left.
        let exports = options.backends != Backends::None;
        let (targets, pushes) = if exports {
            (
                exporters::targets(config, &options.environment)?,
                exporters::pushes(config, &options.environment, options.backends)?,
            )
        } else {
            (Vec::new(), Vec::new())
        };
        let exporting = !targets.is_empty();
        output.export(Batches::new(targets, config.export.batch_spans, config.export.batch_delay));
        if config.export.print == Print::Always
            || (config.export.print == Print::Auto && !exporting && exports)
        {
            output.print(Box::new(io::stdout()), Show::Trees(terminal_style(&io::stdout())));
            if !exporting {
                tracing::info!("no OTLP endpoint is set (OTEL_EXPORTER_OTLP_ENDPOINT): traces are printed");
            }
        }
        for state in &capture.kernel.programs {
            if let Some(reason) = &state.reason {
                tracing::debug!(program = state.spec.name, %reason, "a kernel program is not attached");
            }
        }
        if let Some(listener) = &scrapes {
            tracing::info!(address = %listener.address(), "Prometheus can pull metrics at /metrics");
        }
        if let Some(listener) = &strategies {
            tracing::info!(address = %listener.address(), "SDKs can ask what to keep at /sampling");
        }
        if options.keep.is_some() && config.security.seccomp {
            kept("system calls", privileges::filter_system_calls());
        }
        Ok(Self {
            capture,
            propagation,
            pipeline,
            output,
            control,
            scrapes,
            strategies,
            pushes,
            kubernetes,
            started: Instant::now(),
            records: 0,
        })
    }

    /// Works by another configuration from now on, as far as that is possible (`config::reload`); counts of sampling start anew.
    pub fn reconfigure(&mut self, config: &Config) {
        let now_ns = monotonic_ns();
        let output = &mut self.output;
        self.pipeline.set_sampling(&config.sampling, |trace| output.trace(trace, now_ns));
        self.pipeline.set_http(&config.http);
        self.pipeline.set_redact(&config.redact);
        self.pipeline.set_context(&config.context);
        if let Some(batches) = self.output.batches() {
            batches.set_size(config.export.batch_spans, config.export.batch_delay);
        }
        for (_, push) in &mut self.pushes {
            push.set_interval(config.metrics.push_interval, now_ns);
        }
    }

    /// Names of the attached kernel programs.
    pub fn attached(&self) -> Vec<&'static str> {
        let programs = self.capture.kernel.programs.iter();
        programs.filter(|state| state.reason.is_none()).map(|state| state.spec.name).collect()
    }

    /// Where finished traces go.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Marks a process, so that it and its children are traced where only selected ones are.
    pub fn select(&mut self, pid: u32) -> Result<(), MapError> {
        self.capture.kernel.mark_process(pid, process::SELECTED)
    }

    /// Runs until `stop` says so.
    pub fn run(&mut self, mut stop: impl FnMut() -> bool) {
        while !stop() {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let pending = self.output.pending() || self.pipeline.is_busy();
        let pass = self.capture.turn(pending, |record| self.pipeline.record(record));
        self.after(pass.records, pass.horizon_ns);
        while let Some(request) = self.control.as_ref().and_then(|control| control.pending.try_recv().ok()) {
            match request {
                // An asker that went away is not missed.
                Pending::Status(reply) => drop(reply.try_send(self.status())),
                Pending::Watch(watcher) => self.output.watch(watcher),
            }
        }
        while let Some(scrape) = self.scrapes.as_ref().and_then(|listener| listener.pending.try_recv().ok()) {
            drop(scrape.reply.try_send(self.metrics(scrape.question)));
        }
        while let Some(asked) = self.strategies.as_ref().and_then(|listener| listener.pending.try_recv().ok())
        {
            drop(asked.reply.try_send(self.pipeline.strategy(&asked.question.service)));
        }
    }

    /// Metrics of what is traced, and of the tracer.
    fn metrics(&self, format: Format) -> String {
        let mut out = Exposition::new(format);
        if let Some(metrics) = self.pipeline.metrics() {
            metrics.write(&mut out);
        }
        write_own(&self.status(), WallClock::now().wall_ns(monotonic_ns()), &mut out);
        out.finish()
    }

    fn after(&mut self, records: u64, horizon_ns: u64) {
        self.records += records;
        let now_ns = monotonic_ns();
        for pid in self.capture.take_started() {
            self.pipeline.started(pid, now_ns);
        }
        let output = &mut self.output;
        self.pipeline.advance(horizon_ns, WallClock::now(), |trace| output.trace(trace, now_ns));
        self.output.tick(now_ns);
        self.push(now_ns);
        self.capture.kernel.fills.turn(now_ns);
        for (pid, mark) in self.pipeline.take_marks() {
            tell(&mut self.capture.kernel, pid, &mark);
        }
        for (conn, judgement) in self.pipeline.take_judgements() {
            if let Err(error) = self.capture.kernel.judge(conn, judgement) {
                tracing::debug!(conn, ?judgement, %error, "the kernel side cannot be told of a connection");
            }
        }
    }

    /// Sends metrics to those backends for which it is time to.
    fn push(&mut self, now_ns: u64) {
        let due: Vec<bool> = self.pushes.iter_mut().map(|(_, push)| push.is_due(now_ns)).collect();
        if due.contains(&true) {
            let status = self.status();
            let wall_ns = WallClock::now().wall_ns(now_ns);
            for ((_, push), _) in self.pushes.iter_mut().zip(due).filter(|(_, due)| *due) {
                push.send(self.pipeline.metrics(), &status, wall_ns);
            }
        }
    }

    /// The state at this moment.
    pub fn status(&self) -> Snapshot {
        let census = self.pipeline.census();
        let exports = self.output.export_stats();
        let kernel = &self.capture.kernel;
        let costs = kernel.costs();
        let programs = kernel.programs.iter().map(|state| {
            let cost = costs
                .iter()
                .find(|(name, _)| *name == state.spec.name)
                .map(|&(_, cost)| cost)
                .unwrap_or_default();
            Program {
                name: state.spec.name.into(),
                tracepoint: state.spec.tracepoint.into(),
                attached: state.reason.is_none(),
                reason: state.reason.clone(),
                run_count: cost.runs,
                run_time_ns: cost.nanoseconds,
            }
        });
        let mut drops = Vec::new();
        for (reason, count) in kernel.drops().unwrap_or_default() {
            drops.push(drop_count("kernel", reason.name(), count, reason.intentional()));
        }
        for reason in DropKind::ALL {
            drops.push(drop_count(
                reason.stage(),
                reason.name(),
                census.drops.get(reason),
                reason.intentional(),
            ));
        }
        drops.push(drop_count("watchers", "slow_watcher", self.output.watcher_drops(), true));
        if let Some(kubernetes) = &self.kubernetes {
            drops.push(drop_count("kubernetes", "pod_limit", kubernetes.pods().left_out(), false));
        }
        let pushed = self.pushes.iter().map(|(name, push)| (stage(PUSH, name), push.stats()));
        let exported = exports.iter().map(|(name, stats)| (stage(EXPORT, name), stats.clone()));
        for (stage, stats) in exported.chain(pushed) {
            drops.extend(
                DropReason::ALL.map(|reason| drop_count(&stage, reason.name(), stats.dropped(reason), false)),
            );
        }
        Snapshot {
            version: VERSION.into(),
            pid: std::process::id(),
            uptime_ms: self.started.elapsed().as_millis() as u64,
            plan: kernel.plan.name().into(),
            programs: programs.collect(),
            maps: kernel.fills.all().map(map_fill).collect(),
            libraries: kernel.libraries.iter().map(library).collect(),
            drops,
            spans: Spans {
                finished: census.finished_spans,
                waiting: census.waiting_spans,
                exported: exports.first().map_or(0, |(_, stats)| stats.exported_spans),
            },
            sampling: census.sampling,
            exports: exports.into_iter().map(|(name, stats)| export(name, stats)).collect(),
            propagation: self.propagation.status(),
            records: self.records,
            connections: census.connections,
            processes: census.processes,
            open_requests: census.open_requests,
            rss_bytes: own::rss_bytes(),
            cpu_ms: own::cpu_ms(),
        }
    }

    /// Takes what is still in the rings, sends what is left and detaches. Returns the last state.
    pub fn finish(mut self) -> Snapshot {
        let deadline = Instant::now() + SHUTDOWN;
        // Records settle within milliseconds; under load new ones keep coming, so the past is drained, not the present.
        let until_ns = monotonic_ns();
        while Instant::now() < deadline {
            let pass = self.capture.drain(|record| self.pipeline.record(record));
            self.after(pass.records, pass.horizon_ns);
            if pass.horizon_ns >= until_ns {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let now_ns = monotonic_ns();
        let output = &mut self.output;
        self.pipeline.finish(|trace| output.trace(trace, now_ns));
        let mut status = self.status();
        let wall_ns = WallClock::now().wall_ns(now_ns);
        for (_, push) in &mut self.pushes {
            push.send(self.pipeline.metrics(), &status, wall_ns);
        }
        // Everything detaches here, the probes in libraries while the backend is waited for.
        let links = self.capture.kernel.take_links();
        let detaching = std::thread::Builder::new().spawn(move || drop(links));
        drop(self.capture);
        let left = || deadline.saturating_duration_since(Instant::now());
        for (at, (name, stats)) in self.output.finish(left()).into_iter().enumerate() {
            if at == 0 {
                status.spans.exported = stats.exported_spans;
            }
            count_again(&mut status, &stage(EXPORT, &name), &stats);
        }
        for (name, push) in self.pushes {
            count_again(&mut status, &stage(PUSH, &name), &push.finish(left()));
        }
        if let Ok(detaching) = detaching {
            // It has nothing to say.
            let _ = detaching.join();
        }
        status
    }
}

/// A daemon that has more privileges than it needs still traces: it says so and goes on.
fn kept<T>(what: &str, result: Result<T, PrivilegeError>) -> Option<T> {
    result
        .inspect_err(|error| tracing::warn!("The tracer runs with more {what} than it needs: {error}."))
        .ok()
}

/// Brings the losses of an exporter up to date.
fn count_again(status: &mut Snapshot, stage: &str, stats: &tracer_otlp::Snapshot) {
    for reason in DropReason::ALL {
        let mut drops = status.drops.iter_mut();
        if let Some(drop) = drops.find(|drop| drop.stage == stage && drop.reason == reason.name()) {
            drop.count = stats.dropped(reason);
        }
    }
}

fn drop_count(stage: &str, reason: &str, count: u64, intentional: bool) -> DropCount {
    DropCount { stage: stage.into(), reason: reason.into(), count, intentional }
}

/// The watch of this node's pods, where it is wanted.
fn kubernetes(config: &Config, environment: &Environment) -> Result<Option<Watcher>, StartError> {
    let config::Kubernetes { enabled: true, node, labels } = &config.kubernetes else { return Ok(None) };
    let variable = |name: &str| environment.get(name).map(str::to_owned);
    let settings = tracer_k8s::Settings::of_this_pod(node, labels.clone(), variable)?;
    Watcher::start(settings, privileges::renounce).map(Some).map_err(StartError::Watcher)
}

fn map_fill(fill: &Fill) -> MapFill {
    let Fill { name, entries, max_entries } = fill;
    MapFill { name: name.clone(), entries: *entries, max_entries: *max_entries }
}

fn library(probed: &Probed) -> Library {
    Library { file: probed.name.display().to_string(), reason: probed.reason.clone() }
}

fn export(name: &str, stats: tracer_otlp::Snapshot) -> Export {
    Export {
        name: name.into(),
        exported: stats.exported_spans,
        queued_batches: stats.queued_batches,
        queued_bytes: stats.queued_bytes,
        retries: stats.retries,
        failing: stats.failing,
        last_error: stats.last_error.map(|error| error.text),
    }
}
