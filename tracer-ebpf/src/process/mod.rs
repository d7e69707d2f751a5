//! Processes: described at their first request, forgotten at their exit. No list of processes is ever polled.

mod describe;
mod lifecycle;
mod origin;

pub(crate) use describe::describe;
pub(crate) use origin::Origin;
