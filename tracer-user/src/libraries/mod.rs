//! Libraries that traced processes use, and where the functions are that are worth a probe. Read from files alone; nothing
//! in a process is touched.
//!
//! [`search`] finds files, [`elf`] finds their functions, [`openssl`], [`boringssl`], [`gnutls`] and [`go`] say which functions matter, and [`code`] where in
//! a function a probe is cheap.

mod boringssl;
mod code;
mod elf;
mod gnutls;
mod go;
mod openssl;
mod plan;
mod search;
mod stripped;

pub use plan::{Probe, Site};
pub use search::{Found, Library, Look, Search};
