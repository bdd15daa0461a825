//! The codec of HTTP/1.1, whole and in pieces; what it read is written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::http1(input));
