//! Values with units: what they mean, how they are printed, and what is said of those that are wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_config::{BaseUrl, Devices, Network, Percent, Resolution, Size, Span};
use std::time::Duration;

fn wrong<T: std::str::FromStr<Err = String> + std::fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err()
}

#[test]
fn sizes_are_exact_and_half_a_gigabyte_is_not_nothing() {
    for (text, bytes, printed) in [
        ("0.5 GB", 500_000_000, "500 MB"),
        ("0.5GB", 500_000_000, "500 MB"),
        ("1 GiB", 1 << 30, "1 GiB"),
        ("1.5 GiB", 3 << 29, "1.5 GiB"),
        ("1 MiB", 1 << 20, "1 MiB"),
        ("50 GB", 50_000_000_000, "50 GB"),
        ("2 TB", 2_000_000_000_000, "2 TB"),
        ("1 KB", 1000, "1 kB"),
        ("1 kB", 1000, "1 kB"),
        ("1234567 B", 1_234_567, "1234567 B"),
        ("1.000 GB", 1_000_000_000, "1 GB"),
        ("0.000000001 GB", 1, "1 B"),
    ] {
        let size: Size = text.parse().unwrap();
        assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, printed), "{text}");
    }
}

#[test]
fn a_size_that_is_none_is_refused_and_the_error_says_what_to_write() {
    assert_eq!(
        wrong::<Size>("500"),
        "`500` has no unit: write \"500 GB\", \"500 MB\", \"500 MiB\" or another of B to TiB"
    );
    assert_eq!(
        wrong::<Size>("5 gb"),
        "`gb` is not a unit of size: write one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
    );
    let range = |text: &str| format!("`{text}` is not a whole number of bytes between 1 B and 18 million TB");
    for text in ["0 GB", "0.0000000001 GB", "0.5 B", "99999999999 TB", "0.1 KiB"] {
        assert_eq!(wrong::<Size>(text), range(text));
    }
    for text in [
        "",
        "GB",
        "-1 GB",
        "+1 GB",
        "1. GB",
        ".5 GB",
        "1.2.3 GB",
        "1,5 GB",
        "1e3 GB",
        "١ GB",
        "999999999999999999999 B",
    ] {
        let error = wrong::<Size>(text);
        assert!(error.contains("\"0.5 GB\"") || error.contains("is not a unit of size"), "{text:?}: {error}");
    }
}

#[test]
fn spans_of_time_are_exact() {
    for (text, milliseconds, printed) in [
        ("30 d", 30 * 86_400_000, "30 d"),
        ("1 h", 3_600_000, "1 h"),
        ("24 h", 86_400_000, "1 d"),
        ("1.5 s", 1500, "1.5 s"),
        ("90 min", 5_400_000, "1.5 h"),
        ("250ms", 250, "250 ms"),
        ("0.5 h", 1_800_000, "30 min"),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!(
            (span.duration(), span.to_string().as_str()),
            (Duration::from_millis(milliseconds), printed),
            "{text}"
        );
    }
    assert_eq!(wrong::<Span>("30"), "`30` has no unit: write \"30 s\", \"30 min\", \"30 h\" or \"30 d\"");
    assert_eq!(wrong::<Span>("5 m"), "`m` is not a unit of time: write one of ms, s, min, h, d");
    for text in ["0 s", "0.1 ms", "36501 d"] {
        assert_eq!(
            wrong::<Span>(text),
            format!("`{text}` is not a whole number of milliseconds between 1 ms and 36500 d")
        );
    }
}

#[test]
fn percentages_are_whole_from_1_to_100() {
    for (text, percent) in [("80 %", 80), ("80%", 80), ("1 %", 1), ("100 %", 100)] {
        assert_eq!(text.parse::<Percent>().unwrap().get(), percent);
    }
    for text in ["0 %", "101 %", "80.5 %", "256 %", "357 %"] {
        assert_eq!(
            wrong::<Percent>(text),
            format!("`{text}` is not a whole number from 1 to 100, such as \"80 %\"")
        );
    }
    let bare = "`80` is not a percentage: write a whole number from 1 to 100 and `%`, such as \"80 %\"";
    assert_eq!(wrong::<Percent>("80"), bare);
    assert_eq!(wrong::<Percent>("0.8"), bare.replace("80`", "0.8`"));
}

#[test]
fn a_range_of_devices_is_all_between_and_a_comma_separates_them() {
    for (text, numbers, printed) in [
        ("0-9", (0..=9).collect::<Vec<u32>>(), "0-9"),
        ("0, 9", vec![0, 9], "0, 9"),
        ("7,0-2", vec![0, 1, 2, 7], "7, 0-2"),
        ("3", vec![3], "3"),
        ("250-255", (250..=255).collect(), "250-255"),
    ] {
        let devices: Devices = text.parse().unwrap();
        assert_eq!(
            (devices.numbers().collect::<Vec<_>>(), devices.to_string().as_str()),
            (numbers, printed),
            "{text}"
        );
    }
    assert!(!"0-9".parse::<Devices>().unwrap().contains(10));
    assert!(!"0-9".parse::<Devices>().unwrap().contains(256));
    assert_eq!(wrong::<Devices>("9-0"), "`9-0` is empty: write \"0-9\"");
    let number =
        "is not a device's number (0 to 255): write \"0-9\" for all from 0 to 9, or \"0, 9\" for these two";
    for (text, part) in
        [("", ""), ("0-", ""), ("0..9", "0..9"), ("256", "256"), ("1-2-3", "2-3"), ("0,,1", "")]
    {
        assert_eq!(wrong::<Devices>(text), format!("`{part}` {number}"), "{text}");
    }
}

#[test]
fn networks_begin_where_they_say() {
    assert_eq!("192.168.1.0/24".parse::<Network>().unwrap().to_string(), "192.168.1.0/24");
    assert_eq!("2001:db8::/64".parse::<Network>().unwrap().to_string(), "2001:db8::/64");
    assert_eq!(
        wrong::<Network>("192.168.1.5/24"),
        "`192.168.1.5/24` is not where a range begins: write 192.168.1.0/24"
    );
    assert_eq!(
        wrong::<Network>("192.168.1.5"),
        "`192.168.1.5` is one address: write 192.168.1.5/32 for this one alone, or a range such as 192.168.1.0/24"
    );
    assert_eq!(
        wrong::<Network>("lan"),
        "`lan` is not a range of addresses: write one such as 192.168.1.0/24"
    );
}

#[test]
fn resolutions_are_even_and_within_reason() {
    assert_eq!("1280x720".parse::<Resolution>().unwrap(), Resolution { width: 1280, height: 720 });
    for text in ["1280", "1280x", "1281x720", "0x0", "8194x16", "1280X720", "1280 x 720", "720p"] {
        assert!(wrong::<Resolution>(text).ends_with("such as 1280x720"), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_printed_is_read_again_as_the_same(bytes in 1..u64::MAX, milliseconds in 1..3_153_600_000_000_u64) {
        let size = Size::from_bytes(bytes).unwrap();
        proptest::prop_assert_eq!(size.to_string().parse::<Size>(), Ok(size));
        let span: Span = format!("{milliseconds} ms").parse().unwrap();
        proptest::prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,40}|[0-9.]{0,25} ?[a-zA-Z%]{0,3}|[0-9,x-]{0,12}") {
        let _ = (text.parse::<Size>(), text.parse::<Span>(), text.parse::<Percent>(), text.parse::<Devices>());
        let _ = (text.parse::<Network>(), text.parse::<Resolution>(), text.parse::<camera_config::Source>());
    }
}

#[test]
fn an_address_without_a_port_is_reached_at_its_scheme_s_usual_one() {
    for (address, reached) in [
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("http://127.0.0.1:80/media", "127.0.0.1:80"),
        ("https://127.0.0.1", "127.0.0.1:443"),
        ("rtsp://127.0.0.1", "127.0.0.1:554"),
        ("rtsp://127.0.0.1:8554", "127.0.0.1:8554"),
        ("http://[::1]:9997", "[::1]:9997"),
    ] {
        let address: BaseUrl = address.parse().unwrap();
        assert_eq!(address.socket_addrs().unwrap(), [reached.parse().unwrap()], "{address}");
    }
}
