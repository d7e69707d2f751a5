//! What the daemon says of itself.

pub mod drops;
pub mod own;
pub mod status;
