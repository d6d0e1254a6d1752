//! Signed links: what they open, and what they do not.

use crate::{after, noon, seconds};
use camera_access::{LINK_LIFETIME, LinkError, Links, Secret};

const SECRET: &str = "correct horse battery staple 0123456789";

fn links() -> Links {
    Links::derived_from(&Secret::new(SECRET)).unwrap()
}

fn signed(path: &str) -> String {
    links().sign(path, LINK_LIFETIME, noon()).unwrap()
}

#[test]
fn a_link_opens_its_path_for_five_minutes() {
    let query = signed("/files/recordings/door_2026.mp4");
    let open = |at| links().verify("/files/recordings/door_2026.mp4", &query, after(at));
    assert_eq!(open(0), Ok("/files/recordings/door_2026.mp4".into()));
    assert!(open(299).is_ok());
    assert_eq!(open(300), Err(LinkError::Expired));
    assert_eq!(open(1_000_000), Err(LinkError::Expired));
}

#[test]
fn it_opens_nothing_else() {
    let query = signed("/files/recordings/door.mp4");
    for other in [
        "/files/recordings/door.mp",
        "/files/recordings/door.mp4x",
        "/files/recordings/door.mp4/x",
        "/files/recordings/Door.mp4",
        "/files/snapshots/door.mp4",
        "/files/recordings/",
        "/",
    ] {
        assert_eq!(links().verify(other, &query, noon()), Err(LinkError::Wrong), "{other}");
    }
}

#[test]
fn a_folder_link_opens_what_is_below_and_no_name_that_begins_alike() {
    let query = signed("/live/door/");
    for below in ["/live/door/", "/live/door/index.m3u8", "/live/door/0/seg_1.m4s"] {
        assert_eq!(links().verify(below, &query, noon()), Ok(below.into()));
    }
    for other in [
        "/live/door2/",
        "/live/door2/index.m3u8",
        "/live/door",
        "/live/",
        "/live/x/door/index.m3u8",
        "/live/Door/x",
    ] {
        assert_eq!(links().verify(other, &query, noon()), Err(LinkError::Wrong), "{other}");
    }
    assert_eq!(links().verify("/live/door/index.m3u8", &query, after(300)), Err(LinkError::Expired));
}

#[test]
fn a_folder_that_opens_too_much_is_not_signed() {
    for wide in ["/", "/files/", "/live/"] {
        assert_eq!(links().sign(wide, LINK_LIFETIME, noon()), Err(LinkError::TooWide), "{wide}");
    }
    assert_eq!(links().sign("/files/x", seconds(86401), noon()), Err(LinkError::TooLong));
}

#[test]
fn no_spelling_leaves_the_folder() {
    let query = signed("/live/door/");
    for escape in [
        "/live/door/../hall/index.m3u8",
        "/live/door/%2e%2e/hall/index.m3u8",
        "/live/door/%2E./hall/index.m3u8",
        "/live/door/.%2e/hall/index.m3u8",
        "/live/door/..%2fhall/index.m3u8",
        "/live/door/%2e%2e%2fhall/index.m3u8",
        "/live/door/..%5chall/index.m3u8",
        "/live/door/..\\hall",
        "/live/door/./index.m3u8",
        "/live/door//index.m3u8",
        "//live/door/index.m3u8",
        "/live/door/a%00.m3u8",
        "/live/door/a%0ab",
        "/live/door/%",
        "/live/door/%2",
        "/live/door/%zz",
        "/live/door/%+1",
        "/live/door/%ff",
        "/live/door/a?b",
        "/live/door/a#b",
        "live/door/index.m3u8",
        "",
        "http://x/live/door/index.m3u8",
    ] {
        assert_eq!(links().verify(escape, &query, noon()), Err(LinkError::Path), "{escape}");
        assert_eq!(links().sign(escape, LINK_LIFETIME, noon()), Err(LinkError::Path), "{escape}");
    }
    assert_eq!(
        links().verify(&format!("/live/door/{}", "x".repeat(3000)), &query, noon()),
        Err(LinkError::Path)
    );
    assert_eq!(
        links().verify(&format!("/live/door/{}", "x/".repeat(30)), &query, noon()),
        Err(LinkError::Path)
    );
}

#[test]
fn a_path_is_decoded_once() {
    // Two spellings of one name are one name ...
    let query = signed("/files/recordings/d%6for.mp4");
    assert_eq!(
        links().verify("/files/recordings/door.mp4", &query, noon()),
        Ok("/files/recordings/door.mp4".into())
    );
    // ... and what an escape decodes to is not decoded again.
    let query = signed("/files/recordings/%252e%252e");
    let opened = links().verify("/files/recordings/%252e%252e", &query, noon());
    assert_eq!(opened, Ok("/files/recordings/%2e%2e".into()));
}

#[test]
fn no_byte_of_a_link_can_be_changed() {
    let query = signed("/files/recordings/door.mp4");
    let open = |query: &str| links().verify("/files/recordings/door.mp4", query, noon());
    assert!(open(&query).is_ok());
    for at in 0..query.len() {
        for byte in (0x20..0x7f).chain([b'\n']) {
            let mut altered = query.as_bytes().to_vec();
            if altered[at] == byte {
                continue;
            }
            altered[at] = byte;
            assert!(
                open(std::str::from_utf8(&altered).unwrap()).is_err(),
                "byte {at} as {}",
                char::from(byte)
            );
        }
        let shorter = format!("{}{}", &query[..at], &query[at + 1..]);
        assert!(open(&shorter).is_err(), "without byte {at}");
    }
}

#[test]
fn other_parameters_are_left_alone_and_ours_stand_once() {
    let query = signed("/live/door/");
    let open = |query: &str| links().verify("/live/door/index.m3u8", query, noon());
    assert!(open(&format!("_HLS_msn=3&{query}&x")).is_ok());
    assert_eq!(open(&format!("{query}&expires=99999999999")), Err(LinkError::Wrong));
    assert_eq!(open(&format!("{query}&{query}")), Err(LinkError::Wrong));
    assert_eq!(open(""), Err(LinkError::Unsigned));
    assert_eq!(open("expires=1"), Err(LinkError::Unsigned));
    assert_eq!(open(&query.replace("expires=", "expires=+")), Err(LinkError::Wrong));
    assert_eq!(open(&query.replace("expires=", "expires=0")), Err(LinkError::Wrong));
    let capital = query.split_once("signature=").unwrap();
    let capital = format!("{}signature={}", capital.0, capital.1.to_uppercase());
    assert_eq!(open(&capital), Err(LinkError::Wrong));
}

#[test]
fn a_name_with_characters_of_addresses_is_signed_where_they_are_encoded() {
    let path = "/files/snapshots/a%23b%3Fc%5Cd.jpg";
    let query = signed(path);
    assert_eq!(links().verify(path, &query, noon()).as_deref(), Ok("/files/snapshots/a#b?c\\d.jpg"));
    assert_eq!(
        links().verify(&path.to_lowercase(), &query, noon()).as_deref(),
        Ok("/files/snapshots/a#b?c\\d.jpg")
    );
    assert_eq!(links().verify("/files/snapshots/a%23b%3Fc%5Ce.jpg", &query, noon()), Err(LinkError::Wrong));
}

#[test]
fn another_secret_ends_all_links_and_no_secret_is_weak() {
    let query = signed("/live/door/");
    let other = Links::derived_from(&Secret::new("another secret, thirty-two bytes long")).unwrap();
    assert_eq!(other.verify("/live/door/", &query, noon()), Err(LinkError::Wrong));
    let random = Links::random().unwrap();
    assert_eq!(random.verify("/live/door/", &query, noon()), Err(LinkError::Wrong));
    let own = random.sign("/live/door/", LINK_LIFETIME, noon()).unwrap();
    assert!(random.verify("/live/door/x", &own, noon()).is_ok());
    assert!(Links::derived_from(&Secret::new("short")).is_err());
}

#[test]
fn the_signature_is_the_one_that_others_compute() {
    // python3: key = hmac(sha256(secret), "camera-service: links, version 1"); hmac(key, (1795348800+300).to_bytes(8) + path)
    assert_eq!(noon().as_second(), 1_795_348_800);
    let query = signed("/live/door/");
    assert_eq!(query, format!("expires=1795349100&signature={}", include_str!("keys/link.txt").trim()));
}

proptest::proptest! {
    #[test]
    fn no_path_or_query_panics_or_opens(path in "/?[a-z%./]{0,40}", query in "(expires=[0-9+-]{0,20}&?)?(signature=[0-9a-f]{0,64})?.{0,20}") {
        assert!(links().verify(&path, &query, noon()).is_err());
    }
}
