//! Who made a call on a socket.

use tracer_common::event::{Connect, DataHeader, flags};

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

impl Work {
    /// `DataHeader::task`, with the flags of its record.
    fn of(task: u32, record: u16) -> Self {
        match task {
            0 => Self::Unknown,
            turn if record & flags::TURN != 0 => Self::Turn(turn),
            goroutine if record & flags::GOROUTINE != 0 => Self::Goroutine(goroutine),
            task => Self::Task(task),
        }
    }
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
        let record = head.header.flags;
        let polled = record & flags::POLLED != 0;
        Self { tgid: head.header.tgid, tid: head.tid, work: Work::of(head.task, record), polled }
    }

    /// Reads a record of a connection that was asked for.
    pub fn of_connect(connect: &Connect) -> Self {
        let work = Work::of(connect.task, connect.header.flags);
        Self { tgid: connect.header.tgid, tid: connect.tid, work, polled: false }
    }
}
