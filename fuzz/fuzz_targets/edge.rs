#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("edge"), |data: &[u8]| portcullis_fuzz::edge::check(data));
