//! Git LFS under any bytes of either side: requests and responses of the batch API, and objects.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    wiretape_fuzz::lfs(input);
});
