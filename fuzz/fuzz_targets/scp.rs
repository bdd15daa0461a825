//! The scp wire, whole and in pieces, in the direction that the first byte says.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::scp(input));
