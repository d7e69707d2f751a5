//! The machine that is measured, and its setting that makes the kernel time its programs.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

/// From this load average on, figures say more about the other load than about the tracer.
const BUSY: f64 = 2.5;
/// The kernel times eBPF programs while this is 1 (Documentation/admin-guide/sysctl/kernel.rst).
const BPF_STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// What a figure is worth nothing without.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Host {
    /// Day of the measurement, UTC.
    pub(super) date: String,
    /// Release of the kernel.
    pub(super) kernel: String,
    /// CPUs that this process may use.
    pub(super) cpus: usize,
    /// Load average of the last minute at the start of the measurement.
    pub(super) load_before: f64,
}

impl Host {
    /// This machine, now.
    pub(super) fn here() -> Result<Self> {
        let date = Command::new("date").args(["-u", "+%F"]).output().context("`date` could not be run.")?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("The kernel's release cannot be read.")?;
        Ok(Self {
            date: String::from_utf8_lossy(&date.stdout).trim().to_owned(),
            // What a distribution or a vendor appends says nothing of the kernel.
            kernel: kernel.trim().split(['-', '+']).next().unwrap_or_default().to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            load_before: load_average(),
        })
    }

    /// The machine in one line.
    pub(super) fn line(&self) -> String {
        format!(
            "{}, Linux {} {}, {} CPUs, load average {:.1} before and {:.1} after.",
            self.date,
            self.kernel,
            std::env::consts::ARCH,
            self.cpus,
            self.load_before,
            load_average()
        )
    }
}

/// Load average of the last minute; 0 where it cannot be read.
pub(super) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// What makes figures of this machine doubtful at this moment.
pub(super) fn warnings() -> Vec<String> {
    let mut warnings = Vec::new();
    let load = load_average();
    if load > BUSY {
        warnings.push(format!(
            "WARNING: the load average is {load:.1}; the machine is busy with something else, so trust ratios at most."
        ));
    }
    for pid in other_tracers() {
        warnings
            .push(format!("WARNING: another tracer runs (process {pid}); what it costs is in every figure."));
    }
    warnings
}

/// Processes by the name `tracer`.
fn other_tracers() -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "tracer\n"))
        .collect()
}

/// The kernel times its programs while this lives; then the setting is as it was.
#[derive(Debug)]
pub(super) struct TimedPrograms {
    before: String,
}

impl TimedPrograms {
    /// Switches the timing on.
    pub(super) fn switch_on() -> Result<Self> {
        let before = fs::read_to_string(BPF_STATS).with_context(|| format!("{BPF_STATS} cannot be read."))?;
        if before.trim().parse::<u32>().is_err() {
            bail!("{BPF_STATS} holds {before:?}, which is no number.");
        }
        fs::write(BPF_STATS, "1").with_context(|| format!("{BPF_STATS} cannot be set to 1."))?;
        Ok(Self { before })
    }
}

impl Drop for TimedPrograms {
    fn drop(&mut self) {
        if let Err(error) = fs::write(BPF_STATS, self.before.trim()) {
            crate::shell::say(format!(
                "{BPF_STATS} could not be set back to {}: {error}.",
                self.before.trim()
            ));
        }
    }
}
