//! A run ledger.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(head) = probity_evidence::ledger::check(data) {
        let lines = data.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(head.run, lines + 1);
    }
});
