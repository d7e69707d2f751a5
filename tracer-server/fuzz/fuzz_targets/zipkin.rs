//! Zipkin's JSON, of any bytes. tests/corpus.rs runs the seeds through the same on stable.
#![no_main]

#[path = "../../tests/common/mod.rs"]
#[allow(dead_code, reason = "shared with the other targets")]
mod common;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = common::zipkin(input);
});
