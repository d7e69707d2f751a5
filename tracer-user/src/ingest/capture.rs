//! Waits for the kernel side and drains it.

use std::time::Duration;

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

use super::merge::{Merge, Pass};
use crate::{
    clock::monotonic_ns,
    kernel::loader::{Kernel, LoadError},
};

/// Records handed out before the caller gets to its other duties.
const RECORDS_PER_TURN: u64 = 65_536;
/// How long to sleep while records keep coming. A ring that fills faster wakes the daemon by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How long to sleep when nothing is going on. A process's first request wakes the daemon by itself.
const IDLE_PAUSE: Duration = Duration::from_millis(100);

/// Niceness of the capture thread (setpriority(2); Linux keeps it for each thread).
const NICE: i32 = -10;

/// The running kernel side with its rings.
pub struct Capture {
    /// The kernel side.
    pub kernel: Kernel,
    merge: Merge,
    epoll: Epoll,
    busy: bool,
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
        Ok(Self { kernel, merge: Merge::default(), epoll, busy: true })
    }

    /// Sleeps until something may be there, at most 100 ms, then hands out what has settled, in order of time.
    ///
    /// `pending`: the caller has work that becomes due soon.
    pub fn turn(&mut self, pending: bool, handle: impl FnMut(&[u8])) -> Pass {
        let pause = if self.busy || pending { BUSY_PAUSE } else { IDLE_PAUSE };
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
    pub fn drain(&mut self, handle: impl FnMut(&[u8])) -> Pass {
        let pass = self.merge.pass(&mut self.kernel.rings, monotonic_ns(), RECORDS_PER_TURN, handle);
        self.busy = pass.records > 0 || pass.unsettled;
        pass
    }
}
