//! What a PostgreSQL client sends before it is let in.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wiretape_fuzz::postgres_login(input));
