//! The wire of exchanges under any parts in any order, on any lane and by either side, with a guard that asks and refuses.
//! The tests of the wire play the same noise; see there how bytes are read.
#![no_main]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../protocols/http/tests/wire/stage.rs"]
mod stage;

#[path = "../../protocols/http/tests/wire/grammar.rs"]
mod grammar;

#[path = "../../protocols/http/tests/wire/parcels.rs"]
mod parcels;

#[path = "../../protocols/http/tests/wire/noise.rs"]
mod noise;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    noise::hold(input);
});
