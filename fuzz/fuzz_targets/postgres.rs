//! The PostgreSQL wire, whole and in pieces, and its messages one by one.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::postgres(input));
