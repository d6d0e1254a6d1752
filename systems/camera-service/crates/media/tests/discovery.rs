//! Video devices: reading descriptions, listing, and seeing them come and go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use camera_media::{
    DeviceChange, Discovery, EngineError, FrameSizes, PixelFormat, Resolution, parse_description,
};

const LIMIT: Duration = Duration::from_secs(10);

fn size(width: u32, height: u32) -> Resolution {
    Resolution { width, height }
}

fn discrete(width: u32, height: u32, fps: &[f64]) -> FrameSizes {
    FrameSizes { least: size(width, height), most: size(width, height), fps: fps.to_vec() }
}

#[test]
fn a_uvc_camera_says_what_it_can_do() {
    let found = parse_description(include_str!("devices/uvc-capture.txt"));
    assert_eq!(found.driver.as_deref(), Some("uvcvideo"));
    assert_eq!(found.card.as_deref(), Some("Integrated Camera: Integrated C"));
    assert_eq!(found.bus.as_deref(), Some("usb-0000:00:14.0-8"));
    assert_eq!(found.captures, Some(true));
    let format = |code: &str, name: &str, sizes: Vec<FrameSizes>| PixelFormat {
        code: code.to_owned(),
        name: Some(name.to_owned()),
        sizes,
    };
    assert_eq!(
        found.formats.as_deref(),
        Some(
            &[
                format(
                    "MJPG",
                    "Motion-JPEG",
                    vec![discrete(1280, 720, &[30.0]), discrete(640, 480, &[30.0, 15.0])]
                ),
                format("YUYV", "YUYV 4:2:2", vec![discrete(640, 480, &[30.0]), discrete(1280, 720, &[10.0])]),
            ][..]
        )
    );
    assert_eq!(found.resolutions(), [size(1280, 720), size(640, 480)]);
    assert_eq!(found.fps_options(), [30.0, 15.0, 10.0]);
}

#[test]
fn the_metadata_node_of_a_uvc_camera_is_no_camera() {
    let found = parse_description(include_str!("devices/uvc-metadata.txt"));
    assert_eq!((found.captures, found.formats), (Some(false), Some(vec![])));
}

#[test]
fn the_form_of_the_last_decade_is_read_too() {
    let found = parse_description(include_str!("devices/raspberry-old.txt"));
    assert_eq!(found.card.as_deref(), Some("mmal service 16.1"));
    assert_eq!(found.captures, Some(true));
    let formats = found.formats.as_deref().unwrap();
    let range = |fps: &[f64]| FrameSizes { least: size(32, 32), most: size(2592, 1944), fps: fps.to_vec() };
    assert_eq!((formats[0].code.as_str(), &formats[0].sizes), ("YU12", &vec![range(&[1.0, 90.0])]));
    assert_eq!((formats[1].code.as_str(), formats[1].name.as_deref()), ("H264", Some("H.264")));
    assert_eq!(formats[1].sizes, [range(&[])], "rates it does not say are not known");
    assert_eq!(found.resolutions(), []);
}

#[test]
fn what_a_text_does_not_say_is_not_known() {
    let nothing = parse_description("Cannot open device /dev/video9, exiting.\n");
    assert_eq!((nothing.card, nothing.captures, nothing.formats), (None, None, None));
    let whole = include_str!("devices/uvc-capture.txt");
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let _ = parse_description(&whole[..end]);
    }
}

fn plug(root: &Path, number: u32, name: &str) {
    let sys = root.join(format!("sys/video{number}"));
    std::fs::create_dir_all(&sys).unwrap();
    std::fs::write(sys.join("name"), format!("{name}\n")).unwrap();
    std::fs::write(sys.join("index"), "0\n").unwrap();
    std::fs::write(root.join(format!("dev/video{number}")), "").unwrap();
}

fn discovery(root: &Path) -> Discovery {
    std::fs::create_dir_all(root.join("sys")).unwrap();
    std::fs::create_dir_all(root.join("dev")).unwrap();
    Discovery { sys: root.join("sys"), dev: root.join("dev"), v4l2_ctl: root.join("v4l2-ctl") }
}

#[test]
fn devices_are_listed_by_number_and_only_with_a_node() {
    let root = tempfile::tempdir().unwrap();
    let discovery = discovery(root.path());
    assert_eq!(discovery.list().unwrap(), []);
    for number in [10, 2] {
        plug(root.path(), number, "Camera");
    }
    std::fs::create_dir_all(root.path().join("sys/video3")).unwrap();
    std::fs::create_dir_all(root.path().join("sys/v4l-subdev0")).unwrap();
    let found = discovery.list().unwrap();
    let paths: Vec<_> = found.iter().map(|device| device.path.clone()).collect();
    assert_eq!(paths, [root.path().join("dev/video2"), root.path().join("dev/video10")]);
    assert_eq!((found[0].name.as_deref(), found[0].index), (Some("Camera"), Some(0)));
    let nowhere = Discovery { sys: root.path().join("nowhere"), ..discovery };
    assert_eq!(nowhere.list().unwrap(), []);
}

#[tokio::test]
async fn a_device_that_comes_or_goes_is_told() {
    let root = tempfile::tempdir().unwrap();
    let discovery = discovery(root.path());
    plug(root.path(), 0, "First");
    let mut changes = discovery.watch().unwrap();
    let mut next =
        async || tokio::time::timeout(LIMIT, changes.recv()).await.expect("nothing was told").unwrap();
    let DeviceChange::Appeared(first) = next().await else { panic!("the first was here") };
    assert_eq!(first.name.as_deref(), Some("First"));
    plug(root.path(), 1, "Second");
    let DeviceChange::Appeared(second) = next().await else { panic!("the second came") };
    assert_eq!(second.path, root.path().join("dev/video1"));
    std::fs::remove_file(&first.path).unwrap();
    assert_eq!(next().await, DeviceChange::Gone(first));
}

#[tokio::test]
async fn a_device_is_asked_by_the_tool_and_without_it_nothing_is_known() {
    let root = tempfile::tempdir().unwrap();
    let discovery = discovery(root.path());
    let device = root.path().join("dev/video0");
    let Err(EngineError::Unsupported(why)) = discovery.capabilities(&device, LIMIT).await else {
        panic!("no tool")
    };
    assert!(why.contains("not known") && why.contains("apt install v4l-utils"), "{why}");

    let tool = |script: &str| common::install_script(script, &discovery.v4l2_ctl);
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/devices/uvc-capture.txt");
    tool(&format!("[ \"$*\" = \"-d {} --all --list-formats-ext\" ] && cat {text}", device.display()));
    let found = discovery.capabilities(&device, LIMIT).await.unwrap();
    assert_eq!(found.captures, Some(true));
    tool("echo 'Cannot open device' >&2; exit 1");
    let refused = discovery.capabilities(&device, LIMIT).await.unwrap_err();
    assert!(refused.to_string().contains("Cannot open device"), "{refused}");
    tool("exec sleep 60");
    let silent = discovery.capabilities(&device, Duration::from_millis(200)).await.unwrap_err();
    assert!(silent.to_string().contains("no answer within 0.2 s"), "{silent}");
}
