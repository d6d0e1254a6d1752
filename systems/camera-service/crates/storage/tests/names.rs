//! What a file may be called, and what the service calls the files it makes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_storage::{FileName, NameError, recording_name};

#[test]
fn names_that_lead_out_of_the_folder_or_hide_something_are_refused_each_for_its_reason() {
    use NameError::{Control, LeadingDot, Length, Slash};
    for (text, error) in [
        ("", Length),
        (".", LeadingDot),
        ("..", LeadingDot),
        (".hidden.mp4", LeadingDot),
        ("../x.mp4", Slash),
        ("a/../../etc/passwd", Slash),
        ("/etc/passwd", Slash),
        ("a/", Slash),
        ("a\0.mp4", Control),
        ("a\n.mp4", Control),
        ("a\u{1b}[2J.mp4", Control),
        ("a\u{7f}.mp4", Control),
        ("a\u{85}.mp4", Control),
        ("a\u{202e}4pm.exe", Control),
    ] {
        assert_eq!(text.parse::<FileName>(), Err(error), "{text:?}");
    }
}

#[test]
fn a_name_has_255_bytes_at_most_and_bytes_are_counted_not_characters() {
    assert!("a".repeat(255).parse::<FileName>().is_ok());
    assert_eq!("a".repeat(256).parse::<FileName>(), Err(NameError::Length));
    // Two bytes each.
    assert!("é".repeat(127).parse::<FileName>().is_ok());
    assert_eq!("é".repeat(128).parse::<FileName>(), Err(NameError::Length));
}

#[test]
fn other_names_are_taken_as_they_are() {
    for text in [
        "door.jpg",
        "Küche 1 – früh.png",
        "窓.mp4",
        "a..b",
        "%2e%2e%2f",
        "..x".trim_start_matches('.'),
        "-rf",
        "a\\b",
    ] {
        assert_eq!(text.parse::<FileName>().unwrap().as_str(), text);
    }
}

#[test]
fn a_recording_is_named_after_its_camera_and_when_it_began_in_utc() {
    let began = "2026-02-01T00:59:59.987+01:00".parse().unwrap();
    assert_eq!(
        recording_name("front-door", began, "mp4", 1).unwrap().as_str(),
        "front-door_2026-01-31_23-59-59.mp4"
    );
    assert_eq!(recording_name("cam_2", began, "mkv", 2).unwrap().as_str(), "cam_2_2026-01-31_23-59-59_2.mkv");
}

#[test]
fn the_service_knows_its_own_names_again_and_no_others() {
    let second: jiff::Timestamp = "2026-01-31T23:59:59Z".parse().unwrap();
    for (camera, number) in
        [("a", 1), ("cam_2", 1), ("cam_2", 2), ("x_2026-01-31_23-59-59", 17), ("0", 99_999)]
    {
        let name = recording_name(camera, second, "mp4", number).unwrap();
        assert_eq!((name.camera(), name.began()), (Some(camera), Some(second)), "{name}");
    }
    for foreign in [
        "door.jpg",
        "cam_2026-01-31_23-59-59",
        "_2026-01-31_23-59-59.mp4",
        "2026-01-31_23-59-59.mp4",
        "Cam_2026-01-31_23-59-59.mp4",
        "cam_2026-02-30_23-59-59.mp4",
        "cam_2026-01-31_24-00-00.mp4",
        "cam_2026-1-31_23-59-59.mp4",
        "cam_2026-01-31_23-59-59.mp4.bak~",
        "cam_2026-01-31_23-59-59_.mp4",
        "cam_2026-01-31_23-59-59_02.mp4",
        "cam_2026-01-31_23-59-59_1.mp4",
        "cam_2026-01-31T23-59-59.mp4",
        "cam_+026-01-31_23-59-59.mp4",
        "ü_2026-01-31_23-59-59.mp4",
        "cam\u{301}2026-01-31_23-59-59.mp4",
    ] {
        assert_eq!(foreign.parse::<FileName>().unwrap().began(), None, "{foreign}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_and_what_it_takes_stays_in_the_folder(text in "\\PC{0,300}|[a-z0-9_.-]{0,80}") {
        if let Ok(name) = text.parse::<FileName>() {
            let _ = (name.began(), name.camera());
            let joined = std::path::Path::new("/folder").join(name.as_str());
            proptest::prop_assert_eq!(joined.parent(), Some(std::path::Path::new("/folder")));
        }
    }
}
