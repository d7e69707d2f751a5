//! Who is this process: what it is called, where it runs, and the resource that its spans carry.
//!
//! The core is pure. The kernel programs hand over what they see at a process's first request, since a process may be
//! gone a millisecond later ([`ProcessFacts::from_kernel`]); what `/proc` can add is added while it can
//! ([`ProcessFacts::enrich_from_proc`]). Whatever cannot be found out stays unknown.

mod cgroup;
mod directory;
mod host;
mod interpreter;
mod java;
mod language;
mod otel_env;
mod process;
mod procfs;
mod python;
mod resource;
mod service_name;
#[cfg(test)]
mod tests;
mod title;

pub(crate) use self::resource::instance_id;
pub use self::{
    directory::Directory,
    host::Host,
    otel_env::OtelEnv,
    process::{Block, KernelProcess, NS_PER_TICK, ProcessFacts},
    resource::resource,
};
