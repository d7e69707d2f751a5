//! What goes wrong around the daemon, and what must not: the traced services go on, nothing is left behind in the kernel, nothing is lost without
//! being counted. Like the scenarios, with a package of their own for time's sake: `cargo xtask test faults`.

#![forbid(unsafe_code)]

mod crowds;
mod delivery;
mod identities;
mod kills;
mod memory;
mod reloads;
mod starvation;
