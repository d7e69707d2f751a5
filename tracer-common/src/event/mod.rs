//! Records in the ring buffers. Every one starts with [`Header`].

mod close;
mod connect;
mod data;
mod exec;
mod exit;
mod lineage;
mod open;
mod process;
mod tls_seen;
mod written;

pub use close::{Close, CloseKind, close_flags};
pub use connect::{Connect, ConnectKind};
pub use data::{Data, DataHeader, flags};
pub use exec::Exec;
pub use exit::Exit;
pub use lineage::Lineage;
pub use open::{Family, Open, open_flags};
pub use process::Process;
pub use tls_seen::TlsSeen;
pub use written::Written;

/// Which struct a record is.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`DataHeader`] and payload.
    Data = 1,
    /// [`Open`].
    Open = 2,
    /// [`Close`].
    Close = 3,
    /// [`Process`].
    Process = 4,
    /// [`Exit`].
    Exit = 5,
    /// [`Lineage`].
    Lineage = 6,
    /// [`TlsSeen`].
    TlsSeen = 7,
    /// [`Written`].
    Written = 8,
    /// [`Exec`].
    Exec = 9,
    /// [`Connect`].
    Connect = 10,
}

/// First bytes of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// A [`Kind`].
    pub kind: u8,
    /// Meaning depends on the kind (direction, close kind, flags).
    pub detail: u8,
    /// See [`flags`] (data) and [`open_flags`] (open).
    pub flags: u16,
    /// Thread group id ("pid" in user terms) of the acting process; 0 where none acts (softirq).
    pub tgid: u32,
    /// CLOCK_MONOTONIC nanoseconds.
    pub time_ns: u64,
    /// Connection id, unique while the daemon runs; 0 for process events.
    pub conn: u64,
}

const _: () = assert!(size_of::<Header>() == 24);
