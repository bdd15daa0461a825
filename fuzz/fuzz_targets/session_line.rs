//! The session line over the line wire, with a guard and a gateway that decide anything at any time.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::session_line(input));
