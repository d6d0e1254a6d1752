//! Any text as a message: it is read without a panic, and whatever is answered is JSON again.
#![no_main]

use camera_service::contract::{Call, MAX_BATCH};
use camera_service::rpc::message::{Incoming, read, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parts = match read(text) {
        Incoming::One(part) => vec![part],
        Incoming::Batch(parts) => parts,
    };
    assert!(!parts.is_empty() && parts.len() <= MAX_BATCH);
    for part in parts {
        let (id, error) = match part {
            Ok(request) => match Call::read(&request.method, request.params) {
                Some(Err(error)) => (request.id, error),
                Some(Ok(_)) | None => continue,
            },
            Err(refused) => (refused.id, refused.error),
        };
        let mut answer = String::new();
        write(&mut answer, id, &Err(error));
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("an answer is JSON");
        assert!(answer["error"]["code"].is_i64() && answer.get("id").is_some());
    }
});
