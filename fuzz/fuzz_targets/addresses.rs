#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("addresses"), |data: &[u8]| portcullis_fuzz::addresses::check(data));
