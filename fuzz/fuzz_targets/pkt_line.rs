//! pkt-lines, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::pkt_line(input));
