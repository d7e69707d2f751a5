//! Stages 2 to 6 on records built by hand: what a host does, and the traces that come of it. No root, no kernel.

mod context;
mod http;
mod joins;
mod losses;
mod origins;
mod outline;
mod records;
mod scene;
mod selection;
mod tasks;
mod threads;
mod written;
