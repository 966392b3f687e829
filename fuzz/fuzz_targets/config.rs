#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("config"), |data: &[u8]| portcullis_fuzz::config::check(data));
