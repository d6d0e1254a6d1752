//! A checkpoint: reading is strict, so a size and a root are written in one way only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_evidence::checkpoint::{parse, verify};

fuzz_target!(|data: &[u8]| {
    if let Ok(checkpoint) = parse(data) {
        let start = format!("{}\n{}\n", checkpoint.origin, checkpoint.size);
        assert!(data.starts_with(start.as_bytes()));
    }
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIwxRCHl1DQ/3tXsC5nJ2t0L7D2DSrTXKJpAXf+VpOtO";
    let _ = verify(data, "00112233445566778899aabbccddeeff", key);
});
