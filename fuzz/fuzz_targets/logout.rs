#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("logout"), |data: &[u8]| portcullis_fuzz::logout::check(data));
