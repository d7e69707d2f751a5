//! What the kernel programs and the daemon agree on: plain `#[repr(C)]` data, no behaviour (but for [`header_block`]).
//!
//! One file per event under [`event`]. Every record in a ring buffer starts with [`event::Header`]; its `kind` says which
//! struct it is. Both sides are built from this crate, so there is no version negotiation; [`ABI`] guards recordings.
#![no_std]

pub mod config;
pub mod drops;
pub mod event;
pub mod header_block;
pub mod limits;
pub mod offsets;
pub mod process;
pub mod propagation;
pub mod runtime;
pub mod tls;
pub mod verdict;

/// Changes whenever the layout of a record changes; written into recordings.
pub const ABI: u32 = 5;
