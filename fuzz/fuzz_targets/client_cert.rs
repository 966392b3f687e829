#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("client_cert"), |data: &[u8]| portcullis_fuzz::client_cert::check(data));
