//! A line of a log: what is read is written again as the same entry, and reading leaves the bytes alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probity_evidence::line::decode;

fuzz_target!(|data: &[u8]| {
    let mut line = data.to_vec();
    let entry = decode(&mut line, None);
    assert_eq!(line, data);
    if let Ok(entry) = entry {
        let mut written = serde_json::to_vec(&entry).expect("an entry can be written");
        assert_eq!(decode(&mut written, None).expect("what we write, we read"), entry);
    }
});

