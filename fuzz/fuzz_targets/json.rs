#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("json"), |data: &[u8]| portcullis_fuzz::json::check(data));
