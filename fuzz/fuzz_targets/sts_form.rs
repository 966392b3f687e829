#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("sts_form"), |data: &[u8]| portcullis_fuzz::sts_form::check(data));
