//! Waits for the kernel side and drains it.

use std::{
    collections::VecDeque,
    path::PathBuf,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        eventfd::{EfdFlags, EventFd},
    },
};

use super::{
    decode::{Notice, notice},
    merge::{Merge, Pass},
};
use crate::{
    clock::monotonic_ns,
    kernel::loader::{Kernel, LoadError},
    libraries::{Look, Search},
};

/// Records handed out before the caller gets to its other duties.
const RECORDS_PER_TURN: u64 = 65_536;
/// How long to sleep, at most, while records keep coming. A ring that fills faster wakes the daemon by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How long to sleep at least: below, waking up costs more than what there is to do.
const MIN_PAUSE: Duration = Duration::from_micros(250);
/// Records that are let gather, so that a turn takes some 100 microseconds.
///
/// Where CPUs are scarce, a client and a server that wait for each other both stand still while the daemon has the CPU of
/// one: the other only has the requests that are in flight. In long turns each microsecond of the daemon costs them two.
const RECORDS_TO_GATHER: u64 = 64;
/// How long to sleep when nothing is going on. A process's first request wakes the daemon by itself.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// Processes that wait for a look at what they run. Most that start are gone within milliseconds.
const MAX_STARTED: usize = 4096;
/// Age at which the program of a process is looked at for functions of TLS libraries: probes in files that compilers make
/// and run once would only be in the way.
const GROWN: Duration = Duration::from_millis(200);

/// Niceness of the capture thread (setpriority(2); Linux keeps it for each thread).
const NICE: i32 = -10;

/// The running kernel side with its rings.
pub struct Capture {
    /// The kernel side.
    pub kernel: Kernel,
    merge: Merge,
    epoll: Epoll,
    /// Looks for TLS libraries, where they are wanted.
    search: Option<Search>,
    /// Processes that run another program since the last look.
    started: Vec<u32>,
    /// Processes whose programs are to be looked at for functions of TLS libraries, with when they were heard of.
    young: VecDeque<(Instant, u32)>,
    pause: Duration,
    drained: Instant,
}

impl Capture {
    /// Attaches the programs of a loaded kernel side.
    pub fn start(mut kernel: Kernel) -> Result<Self, LoadError> {
        // The rings overflow while this thread waits for a CPU behind the very load that it traces. It needs little, but soon.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "the capture thread runs at normal priority");
        }
        // Edge-triggered: a ring with data in it is not news, only a wake-up of the kernel side is.
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(LoadError::Epoll)?;
        for ring in &kernel.rings {
            epoll
                .add(ring, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0))
                .map_err(LoadError::Epoll)?;
        }
        kernel.attach()?;
        let search = if kernel.probes { search(&epoll)? } else { None };
        let mut capture = Self {
            kernel,
            merge: Merge::default(),
            epoll,
            search,
            started: Vec::new(),
            young: VecDeque::new(),
            pause: BUSY_PAUSE,
            drained: Instant::now(),
        };
        capture.probe();
        Ok(capture)
    }

    /// Processes that were seen to start a program since the last call.
    pub fn take_started(&mut self) -> Vec<u32> {
        let started = std::mem::take(&mut self.started);
        if self.search.is_some() {
            let room = MAX_STARTED.saturating_sub(self.young.len());
            self.young.extend(started.iter().take(room).map(|&pid| (self.drained, pid)));
        }
        started
    }

    /// Has the programs of processes looked at that have lived for a while.
    fn look_at_grown(&mut self, now: Instant) {
        while let Some(&(since, pid)) = self.young.front()
            && now - since >= GROWN
        {
            self.young.pop_front();
            // One that finds no room is looked at once it uses TLS.
            let _ = self.search.as_ref().is_some_and(|search| search.look_at(Look::Program(pid)));
        }
    }

    /// Probes the libraries that were found.
    fn probe(&mut self) {
        if let Some(search) = &self.search {
            for found in search.take() {
                self.kernel.found(found);
            }
        }
    }

    /// Sleeps until something may be there, at most 100 ms, then hands out what has settled, in order of time.
    ///
    /// `pending`: the caller has work that becomes due soon.
    pub fn turn(&mut self, pending: bool, handle: impl FnMut(&[u8])) -> Pass {
        let pause = if pending { self.pause.min(BUSY_PAUSE) } else { self.pause };
        if pause < Duration::from_millis(1) {
            // epoll counts in milliseconds, and no ring fills in less.
            std::thread::sleep(pause);
            return self.drain(handle);
        }
        let timeout = EpollTimeout::try_from(pause).unwrap_or(EpollTimeout::ZERO);
        match self.epoll.wait(&mut [EpollEvent::empty(); 8], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                tracing::warn!(%error, "waiting for the kernel side failed; looking by timer alone");
                std::thread::sleep(pause);
            }
        }
        self.drain(handle)
    }

    /// Hands out what has settled without waiting.
    pub fn drain(&mut self, mut handle: impl FnMut(&[u8])) -> Pass {
        self.probe();
        let Self { kernel, merge, search, started, .. } = self;
        let pass = merge.pass(&mut kernel.rings, monotonic_ns(), RECORDS_PER_TURN, |record| {
            match notice(record) {
                None => handle(record),
                Some(Notice::TlsSeen(pid)) => {
                    if search.as_ref().is_some_and(|search| !search.look_at(Look::Whole(pid))) {
                        tracing::debug!(pid, "a process that uses TLS is not looked at: too many wait");
                    }
                }
                // Where too many wait, what it runs is found out by its first request.
                Some(Notice::Exec(pid)) if started.len() < MAX_STARTED => started.push(pid),
                Some(Notice::Exec(_)) => {}
            }
        });
        let now = Instant::now();
        self.pause = pause_after(&pass, now - self.drained);
        self.drained = now;
        self.look_at_grown(now);
        pass
    }
}

/// Starts to look for libraries; what is found wakes whoever waits for `epoll`.
fn search(epoll: &Epoll) -> Result<Option<Search>, LoadError> {
    let waker =
        EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(LoadError::Epoll)?;
    epoll
        .add(&waker, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0))
        .map_err(LoadError::Epoll)?;
    let wake = move || {
        // A wake-up that fails is made up for by the timer.
        let _ = waker.write(1);
    };
    match Search::start(PathBuf::from("/proc"), wake) {
        Ok(search) => Ok(Some(search)),
        Err(error) => {
            tracing::warn!(%error, "the thread that looks for TLS libraries cannot be started: TLS is not read");
            Ok(None)
        }
    }
}

/// How long to sleep after a pass, the one before having been over `since` ago.
fn pause_after(pass: &Pass, since: Duration) -> Duration {
    match pass.records {
        0 if pass.unsettled => BUSY_PAUSE,
        0 => IDLE_PAUSE,
        records => {
            let gathering = since.as_nanos() as u64 / records * RECORDS_TO_GATHER;
            Duration::from_nanos(gathering).clamp(MIN_PAUSE, BUSY_PAUSE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busier_the_shorter_the_turns() {
        let pause =
            |records, ms| pause_after(&Pass { records, ..Pass::default() }, Duration::from_millis(ms));
        assert_eq!(pause(0, 10), IDLE_PAUSE);
        assert_eq!(pause(1, 10), BUSY_PAUSE);
        assert_eq!(pause(320, 10), Duration::from_millis(2));
        assert_eq!(pause(100_000, 10), MIN_PAUSE);
        assert_eq!(pause_after(&Pass { unsettled: true, ..Pass::default() }, BUSY_PAUSE), BUSY_PAUSE);
    }
}
