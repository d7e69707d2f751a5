//! What this kernel and these privileges allow, sentence by sentence.
//!
//! [`facts`] probes; [`evaluate`] is a pure function from what was found to sentences. Nothing is told by a version number.

mod capabilities;
mod evaluate;
mod explain;
mod facts;
#[cfg(test)]
mod tests;

pub use evaluate::{Finding, State, evaluate, usable};
pub use explain::{explain, explain_start_failure};
pub use facts::{Capability, Facts, KernelTypes, Load, Lockdown, gather};
