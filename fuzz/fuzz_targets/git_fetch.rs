//! Fetches, archives and what is offered, over SSH and HTTP.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::git_fetch(input));
