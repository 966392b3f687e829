#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("jws"), |data: &[u8]| portcullis_fuzz::jws::check(data));
