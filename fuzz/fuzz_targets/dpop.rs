#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("dpop"), |data: &[u8]| portcullis_fuzz::dpop::check(data));
