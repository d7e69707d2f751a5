//! Programs that see sockets being used.

mod connect;
mod datagram;
mod decide;
mod describe;
mod exits;
mod frame;
mod framed;
mod frames;
mod guess;
mod io;
mod state;

pub(crate) use decide::{NO_EVENT, decide_segment, pack, smaller};
pub(crate) use describe::{AF_INET6, is_tcp, open_layer};
pub(crate) use frame::{CONTINUATION, HEADER, HEADERS, PUSH_PROMISE, frame};
pub(crate) use framed::emit_held;
pub(crate) use frames::{ADRIFT, PREFACE, emit_frames};
pub(crate) use io::{allowed, data_header, is_excluded, wanted};
