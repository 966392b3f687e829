#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("reference"), |data: &[u8]| portcullis_fuzz::reference::check(data));
