//! Any text as the name of a file: what is taken is one plain name in the folder.
#![no_main]

use std::path::{Component, Path};

use camera_storage::{FileName, recording_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(name) = text.parse::<FileName>() else { return };
    assert_eq!(name.as_str(), text);
    assert!(!text.is_empty() && text.len() <= 255 && !text.starts_with('.'));
    assert!(!text.chars().any(char::is_control));
    let mut parts = Path::new(name.as_str()).components();
    assert!(matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none());
    if let (Some(camera), Some(began)) = (name.camera(), name.began()) {
        let again = recording_name(camera, began, "mp4", 1).expect("a name of ours makes another");
        assert_eq!((again.camera(), again.began()), (Some(camera), Some(began)));
    }
});
