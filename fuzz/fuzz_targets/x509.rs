#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("x509"), |data: &[u8]| portcullis_fuzz::x509::check(data));
