//! The NATS parser under any bytes, splits and gaps. `replay` checks the contract at every step and that splits do
//! not matter; tests/corpus.rs runs the seeds through it on stable.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    common::nats::replay(input);
});
