//! Who made a call on a socket.

use tracer_common::event::{DataHeader, flags};

/// The work that a thread was at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// It is not known.
    #[default]
    Unknown,
    /// A task of its runtime, by a number that no other live task of the process has.
    Task(u32),
    /// A request, by a number of its own: the one that the goroutine works for.
    Goroutine(u32),
    /// A turn: what the thread did between two reads from sockets (`DataHeader::task`).
    Turn(u32),
}

/// Process, thread and what that was at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// What the thread was at.
    pub work: Work,
    /// The bytes came from a socket in an epoll set: the thread may serve many connections.
    pub polled: bool,
}

impl By {
    /// Reads a data record.
    pub fn of(head: &DataHeader) -> Self {
        let has = |flag| head.header.flags & flag != 0;
        let work = match head.task {
            0 => Work::Unknown,
            turn if has(flags::TURN) => Work::Turn(turn),
            goroutine if has(flags::GOROUTINE) => Work::Goroutine(goroutine),
            task => Work::Task(task),
        };
        Self { tgid: head.header.tgid, tid: head.tid, work, polled: has(flags::POLLED) }
    }
}
