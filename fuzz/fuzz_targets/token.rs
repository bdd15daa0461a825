//! Tokens under any bytes: sent by a stranger, signed by an issuer; and the keys of an issuer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    wiretape_fuzz::token(input);
});
