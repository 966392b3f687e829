#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("sse"), |data: &[u8]| portcullis_fuzz::sse::check(data));
