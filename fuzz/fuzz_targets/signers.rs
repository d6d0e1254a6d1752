//! A reader's file of signers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_evidence::Signers;

fuzz_target!(|text: &str| {
    if let Ok(signers) = Signers::parse(text) {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIwxRCHl1DQ/3tXsC5nJ2t0L7D2DSrTXKJpAXf+VpOtO";
        let _ = signers.standing(key, jiff::Timestamp::UNIX_EPOCH);
    }
});
