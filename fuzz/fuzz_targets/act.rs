#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("act"), |data: &[u8]| portcullis_fuzz::act::check(data));
