#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("dialect"), |data: &[u8]| portcullis_fuzz::dialect::check(data));
