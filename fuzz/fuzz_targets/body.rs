#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("body"), |data: &[u8]| portcullis_fuzz::body::check(data));
