//! What the kernel programs and the daemon agree on.
#![no_std]
