#![no_main]

libfuzzer_sys::fuzz_target!(init: portcullis_fuzz::plant("exchange"), |data: &[u8]| portcullis_fuzz::exchange::check(data));
