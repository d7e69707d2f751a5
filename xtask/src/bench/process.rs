//! Programs that a benchmark starts: each is ended by its own id, whatever happens to the benchmark.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock, atomic::AtomicBool, atomic::Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a program may take to end after SIGTERM; the tracer bounds its own end to four seconds.
const END: Duration = Duration::from_secs(6);
/// Pause between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// Nanoseconds of a clock tick in /proc (`USER_HZ`, 100 on the architectures we build for).
const TICK_NS: u64 = 10_000_000;

/// Set once this process is asked to end.
static ASKED_TO_END: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on SIGINT and SIGTERM end a benchmark through its error path, which ends what it started.
pub(super) fn watch_signals() -> Result<()> {
    let flag = ASKED_TO_END.get_or_init(Arc::default);
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        signal_hook::flag::register(signal as i32, Arc::clone(flag))
            .context("The benchmark cannot listen for signals.")?;
    }
    Ok(())
}

/// An error once this process was asked to end.
pub(super) fn go_on() -> Result<()> {
    if ASKED_TO_END.get().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
        bail!("The benchmark was interrupted; what it had started is ended.");
    }
    Ok(())
}

/// Sleeps, unless this process is asked to end.
pub(super) fn pause(time: Duration) -> Result<()> {
    wait_until(time, || Ok(None::<()>)).map(drop)
}

/// Looks until `look` finds something; `None` when `limit` has passed.
pub(super) fn wait_until<T>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + limit;
    loop {
        go_on()?;
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        sleep(left.min(LOOK));
    }
}

/// A program in a session of its own, as a service has one. The scheduler shares CPUs between sessions first
/// (`CONFIG_SCHED_AUTOGROUP`): in that of a terminal the daemon would have to share with the load. And Ctrl-C reaches this process
/// alone, which then ends the others in order.
pub(super) fn service(program: impl AsRef<OsStr>) -> Command {
    // setsid(1) executes the program in its own place, so the process id stays.
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// A running program. Ended when dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts a program made by [`service`], which reads nothing.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_args().next().unwrap_or_default().to_string_lossy().into_owned();
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{name} could not be started by setsid."))?;
        Ok(Self { child, name })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("{} cannot be waited for.", self.name))
    }

    /// Waits until it accepts connections. `log` is where it tells why not.
    pub(super) fn listens(&mut self, address: SocketAddr, limit: Duration, log: &Path) -> Result<()> {
        let listens = wait_until(limit, || match self.ended()? {
            Some(status) => bail!(
                "{} ended with {status} at its start: {}",
                self.name,
                fs::read_to_string(log).unwrap_or_default().trim()
            ),
            None => Ok(TcpStream::connect(address).ok()),
        })?;
        if listens.is_none() {
            bail!("{} does not listen on {address} after {limit:?}.", self.name);
        }
        Ok(())
    }

    /// Waits for an end by itself, which must be a success.
    pub(super) fn finish(mut self, limit: Duration) -> Result<()> {
        match wait_until(limit, || self.ended())? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("{} ended with {status}.", self.name),
            None => bail!("{} did not end within {limit:?}.", self.name),
        }
    }

    /// SIGTERM, and SIGKILL if that does not help.
    fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // The child was not reaped yet, so the id is still its own.
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// CPU time of a process, user and system, nanoseconds: the run time of its living threads where the kernel tells it
/// (/proc/PID/task/TID/schedstat), else what /proc/PID/stat says in steps of 10 ms.
pub(super) fn cpu_ns(pid: u32) -> Result<u64> {
    let exact = thread_files(pid, "schedstat")?
        .iter()
        .map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum::<Option<u64>>();
    if let Some(nanoseconds) = exact.filter(|&nanoseconds| nanoseconds > 0) {
        return Ok(nanoseconds);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("The CPU time of process {pid} cannot be read."))?;
    stat_ticks(&stat)
        .map(|ticks| ticks * TICK_NS)
        .with_context(|| format!("/proc/{pid}/stat is not what proc(5) says."))
}

/// Fields 14 and 15 of /proc/PID/stat, counted behind the command name, which may hold spaces.
fn stat_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// How often the threads of a process gave the CPU up or lost it.
pub(super) fn context_switches(pid: u32) -> Result<u64> {
    Ok(thread_files(pid, "status")?.iter().map(|status| switches(status)).sum())
}

fn switches(status: &str) -> u64 {
    let counts = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()
}

/// A line of /proc/PID/status (proc(5)) that is in KiB, as MiB.
pub(super) fn memory_mib(pid: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("Process {pid} is gone, so its memory cannot be read."))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.with_context(|| format!("/proc/{pid}/status has no {field}"))? / 1024.0)
}

/// A file of every thread of a process.
fn thread_files(pid: u32, name: &str) -> Result<Vec<String>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("Process {pid} is gone, so its cost cannot be read."))?;
    // A thread that ends in between is no error.
    Ok(threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join(name)).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_ended_when_it_is_dropped() {
        let running = Running::start(service("sleep").arg("60")).expect("sleep starts");
        let process = format!("/proc/{}", running.pid());
        assert!(fs::metadata(&process).is_ok());
        drop(running);
        assert!(fs::metadata(&process).is_err());
    }

    #[test]
    fn a_failure_is_named() {
        let running = Running::start(service("false").arg("x")).expect("false starts");
        let error = running.finish(Duration::from_secs(10)).expect_err("false fails");
        assert_eq!(error.to_string(), "false ended with exit status: 1.");
    }

    #[test]
    fn the_name_of_a_process_does_not_shift_the_fields() {
        assert_eq!(stat_ticks("7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0"), Some(42));
        assert_eq!(stat_ticks("7 (a"), None);
    }

    #[test]
    fn both_kinds_of_switches_count() {
        assert_eq!(switches("Name:\tx\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"), 42);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = |field| memory_mib(std::process::id(), field);
        assert!(memory("VmRSS:").is_ok_and(|mib| mib > 1.0));
        assert!(memory("VmNone:").is_err());
    }

    #[test]
    fn this_process_has_used_cpu_time() {
        assert!(cpu_ns(std::process::id()).expect("readable") > 0);
    }
}
