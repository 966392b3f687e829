#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("inspect"), |data: &[u8]| portcullis_fuzz::inspect::check(data));
