//! `log`: files of every sort. The journal has tests of its own (`journal.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use elsewhere::{act, here};
use jiff::{Timestamp, ToSpan};
use probity_plan::{Act, Barrier, Value};
use probity_probe::{Context, FactSelection, Secrets, Seen};
use serde_json::{Value as Json, json};
use support::{HOSTILE, barrier, known, look};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// A line so many minutes old.
fn line(minutes: i64, text: &str) -> String {
    format!("{} app: {text}\n", Timestamp::now() - minutes.minutes())
}

async fn look_at(path: &Path, since: &str, pattern: &str) -> Seen {
    look(act("log", &json!({ "log": path, "since": since, "match": pattern }))).await
}

#[tokio::test]
async fn lines_of_the_window_that_match_are_counted() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let old = line(60, "ERROR long ago");
    let (first, second) = (line(5, "ERROR one"), line(3, "ERROR two"));
    let content =
        format!("{old}{first}    at main.rs:1 ERROR\n{}{second}{}", line(4, "fine"), line(2, "fine"));
    std::fs::write(&path, content).unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(known(&seen, "empty"), &Value::Bool(false));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
    assert_eq!(known(&seen, "entries"), &Value::from(5));
    assert_eq!(known(&seen, "count"), &Value::from(3));
    assert_eq!(known(&seen, "at_least"), &Value::from(3));
    assert_eq!(known(&seen, "rotated"), &Value::List(Vec::new()));
    let time = |line: &str| {
        let at: Timestamp = line.split(' ').next().unwrap().parse().unwrap();
        Value::from(at)
    };
    // The line without a time has that of the line before it.
    assert_eq!(known(&seen, "times"), &Value::List(vec![time(&first), time(&first), time(&second)]));
    assert_eq!(known(&seen, "last"), &time(&second));
    let lines = Value::from(vec![first.trim_end(), "    at main.rs:1 ERROR", second.trim_end()]);
    assert_eq!(known(&seen, "lines"), &lines);
    let age = &known(&seen, "last_age_s").as_f64().unwrap();
    assert!((180.0..240.0).contains(age), "{age}");

    let seen = look_at(&path, "10m", "PANIC").await;
    assert_eq!(known(&seen, "count"), &Value::from(0));
    assert_eq!(barrier(&seen, "last"), Barrier::Unreachable);
}

#[tokio::test]
async fn without_since_the_window_begins_with_the_second_in_which_the_run_did() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, "2026-01-02T03:04:05Z a\n2026-01-02T03:04:06Z b\n2026-01-02T03:04:07Z c\n")
        .unwrap();
    let context = Context {
        wanted: &FactSelection::All,
        secrets: &Secrets::default(),
        began: Instant::now(),
        run_began: "2026-01-02T03:04:06.7Z".parse().unwrap(),
        timeout: Duration::from_secs(10),
    };
    let seen = probity_probe::kinds::look(&act("log", &json!({ "log": path })), &context).await;
    assert_eq!(support::moment(&seen, "window_start"), "2026-01-02T03:04:06Z".parse().unwrap());
    let lines = vec!["2026-01-02T03:04:06Z b", "2026-01-02T03:04:07Z c"];
    assert_eq!(known(&seen, "lines"), &Value::from(lines));
    assert_eq!(known(&seen, "count"), &Value::from(2));
}

#[tokio::test]
async fn nothing_is_counted_where_the_log_does_not_reach_back() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, format!("{}{}", line(5, "ERROR"), line(1, "fine"))).unwrap();
    for rotated in ["app.log.1", "app.log-20260101.gz", "app.log.old", "app.log.rs", "app.logger"] {
        std::fs::write(folder.path().join(rotated), "").unwrap();
    }
    let seen = look_at(&path, "10m", "PANIC").await;
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
    for fact in ["count", "lines", "times"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unreachable, "{fact}");
    }
    assert_eq!(known(&seen, "entries"), &Value::from(2));
    assert_eq!(known(&seen, "at_least"), &Value::from(0));
    assert_eq!(
        known(&seen, "rotated"),
        &Value::from(vec!["app.log-20260101.gz", "app.log.1", "app.log.old"])
    );
    // What was found was found.
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "at_least"), &Value::from(1));
    for fact in ["lines_found", "times_found"] {
        assert!(matches!(known(&seen, fact), Value::List(found) if found.len() == 1), "{fact}: {seen:?}");
    }

    std::fs::write(&path, "").unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "empty"), &Value::Bool(true));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
    for fact in ["count", "lines", "times", "last", "last_age_s"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unreachable, "{fact}");
    }
}

#[tokio::test]
async fn a_log_whose_older_part_was_written_in_the_window_does_not_reach_back() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    // A clock that was not yet set, and what a program tells of itself.
    for first in ["1970-01-01T00:00:12Z kernel up\n", "2024-03-01T10:00:00Z build of server 1.2.3\n"] {
        std::fs::write(&path, format!("{first}{}", line(1, "fine"))).unwrap();
        let older = folder.path().join("app.log.1");
        let write = |minutes: u64| {
            let written = std::fs::File::create(&older).unwrap();
            written.set_modified(std::time::SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
        };
        write(5);
        let seen = look_at(&path, "10m", "ERROR").await;
        assert_eq!(known(&seen, "window_covered"), &Value::Bool(false), "{first}");
        assert_eq!(barrier(&seen, "count"), Barrier::Unreachable, "{first}");
        assert!(seen.unknown["count"].detail.contains("its older part app.log.1"), "{seen:?}");
        assert_eq!(known(&seen, "at_least"), &Value::from(0));
        write(15);
        let seen = look_at(&path, "10m", "ERROR").await;
        assert_eq!(known(&seen, "window_covered"), &Value::Bool(true), "{first}");
        assert_eq!(known(&seen, "count"), &Value::from(0), "{first}");
    }
}

#[tokio::test]
async fn older_parts_stand_beside_the_file_that_a_link_leads_to() {
    let folder = support::folder();
    let real = folder.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("0.log"), format!("1970-01-01T00:00:12Z up\n{}", line(1, "fine"))).unwrap();
    std::fs::write(real.join("0.log.20261202-010101"), "").unwrap();
    let link = folder.path().join("app.log");
    std::os::unix::fs::symlink("real/0.log", &link).unwrap();
    let seen = look_at(&link, "10m", "ERROR").await;
    let older = real.canonicalize().unwrap().join("0.log.20261202-010101").display().to_string();
    assert_eq!(known(&seen, "rotated"), &Value::from(vec![older.as_str()]));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
}

#[tokio::test]
async fn a_missing_log_is_a_fact_and_nothing_is_known_of_its_lines() {
    let folder = support::folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for absent in ["nosuch.log", "file/app.log"] {
        let seen = look_at(&folder.path().join(absent), "10m", "ERROR").await;
        assert_eq!(known(&seen, "exists"), &Value::Bool(false));
        for fact in ["count", "at_least", "entries", "window_covered"] {
            assert_eq!(barrier(&seen, fact), Barrier::Unreachable);
        }
    }
}

#[tokio::test]
async fn what_is_not_a_file_is_not_waited_for() {
    let folder = support::folder();
    let fifo = folder.path().join("fifo");
    support::run(std::process::Command::new("mkfifo").arg(&fifo));
    for path in [fifo.as_path(), Path::new("/dev/zero"), folder.path()] {
        let seen = look_at(path, "10m", "ERROR").await;
        assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported, "{path:?}: {seen:?}");
    }
}

#[test]
fn a_log_that_may_not_be_read_is_a_barrier() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, line(5, "ERROR")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let Some(nobody) = elsewhere::as_nobody() else { return };
    let seen = nobody.look("log", &json!({ "log": path, "since": "10m" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied, "{seen:?}");
    assert!(seen.facts.is_empty());
}

#[tokio::test]
async fn a_file_without_times_is_nonsense_and_hostile_text_is_text() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, "hello\nworld\n").unwrap();
    assert_eq!(barrier(&look_at(&path, "10m", "o").await, "count"), Barrier::Protocol);
    std::fs::write(&path, vec![0xff; 100_000]).unwrap();
    assert_eq!(barrier(&look_at(&path, "10m", "o").await, "at_least"), Barrier::Protocol);

    let mut content = line(60, "start").into_bytes();
    let hostile = line(1, HOSTILE);
    content.extend(hostile.as_bytes());
    content.extend(b"\xff\xfe\x00 no text at all\r\n");
    std::fs::write(&path, content).unwrap();
    let seen = look_at(&path, "10m", "").await;
    let expected = Value::from(vec![hostile.trim_end_matches('\n'), "\u{fffd}\u{fffd}\0 no text at all"]);
    assert_eq!(known(&seen, "lines"), &expected);
}

#[tokio::test]
async fn a_long_log_is_read_as_far_back_as_its_window_reaches() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let long = "x".repeat(1 << 20);
    let mut content = line(600, "start");
    for _ in 0..70 {
        content.push_str(&line(60, &long));
    }
    content.push_str(&line(1, "ERROR"));
    std::fs::write(&path, &content).unwrap();
    // The window lies in the last lines.
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(1));
    assert_eq!(known(&seen, "entries"), &Value::from(1));
    // It reaches over all parts that are read.
    let seen = look_at(&path, "5h", "ERROR|xx").await;
    assert_eq!(known(&seen, "count"), &Value::from(71));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
    assert_eq!(barrier(&seen, "lines"), Barrier::TooLarge);
    // Or over all of the log.
    let seen = look_at(&path, "1d", "start").await;
    assert_eq!(known(&seen, "at_least"), &Value::from(1));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
}

#[tokio::test]
async fn a_line_whose_time_is_in_another_form_is_not_taken_for_one_of_the_line_before_it() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let other = "21.11.2026 10:20:30 ERROR of another program\n";
    std::fs::write(
        &path,
        format!("{}{}{other}    at main.rs:1\n{}", line(60, "start"), line(5, "fine"), line(1, "fine")),
    )
    .unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    for fact in ["count", "last", "times", "lines"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}: {seen:?}");
    }
    assert_eq!(known(&seen, "at_least"), &Value::from(0));
    // What does not match is of no interest, and what stands before the window was written before it.
    let seen = look_at(&path, "10m", "fine").await;
    assert_eq!(known(&seen, "count"), &Value::from(2));
    let late = [line(60, "start"), line(5, "fine"), other.to_owned(), line(50, "late")].concat();
    std::fs::write(&path, late).unwrap();
    assert_eq!(barrier(&look_at(&path, "10m", "ERROR").await, "count"), Barrier::Protocol);
    std::fs::write(&path, format!("{}{other}{}{}", line(60, "start"), line(50, "fine"), line(1, "ERROR")))
        .unwrap();
    assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "count"), &Value::from(1));
}

#[tokio::test]
async fn a_line_that_may_bear_a_time_of_its_own_is_not_taken_for_one_of_the_line_before_it() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let at = Timestamp::now() - 60.seconds();
    let (time, epoch) = (format!("{at:.0}"), at.as_second());
    let form = |form: &str| at.strftime(form).to_string();
    let (old, deep) = (Timestamp::now() - 7000.seconds(), "[".repeat(200) + &"]".repeat(200));
    let json = |rest: &str| format!(r#"{{"time":"{time}","level":"ERROR",{rest}}}"#);
    let names = "a ".repeat(300);
    let access = form("%d/%b/%Y:%H:%M:%S +0000");
    let lines = [
        // JSON that is not quite JSON.
        json("\"msg\":\"a\tb\""),
        json(r#""msg":"a\x22""#),
        json(r#""v":NaN"#),
        json(&format!(r#""time":"{old}""#)),
        format!(r#"{{"time":"{time}","level":"ERROR","msg":"cut of"#),
        // JSON whose time stands under another name, or in another form; or times of which each could be meant.
        format!(r#"{{"date":"{time}","level":"ERROR"}}"#),
        format!(r#"{{"t":{{"$date":"{time}"}},"level":"ERROR"}}"#),
        format!(r#"{{"ts":"{epoch}","level":"ERROR"}}"#),
        format!(r#"{{"time":"{epoch}000000000","level":"ERROR"}}"#),
        format!(r#"{{"time":"{old}","timestamp":"{time}","level":"ERROR"}}"#),
        format!(r#"[{{"ts":{epoch},"level":"ERROR"}},"#),
        // What a crash, a terminal or a program puts before the time.
        format!("{}{time} ERROR", "\0".repeat(512)),
        format!("{old} hal{}{time} ERROR", "\0".repeat(512)),
        format!("[main] {time} ERROR\0"),
        format!("\u{1b}[2m{time}\u{1b}[0m ERROR"),
        format!(" {time} ERROR"),
        format!("\t{time} ERROR"),
        format!("[main] {time} ERROR"),
        format!("app[12]: {time} ERROR"),
        format!("4711 {time} ERROR"),
        format!("web_1  | {time} ERROR"),
        format!("level=error msg=\"ERROR\" time={time}"),
        format!("level=error msg=\"ERROR {names}\" time={time}"),
        form("*%b %e %T: ERROR"),
        // Numbers.
        format!("{epoch}.123 ERROR"),
        format!("ts={epoch} ERROR"),
        format!("type=USER_LOGIN msg=audit({epoch}.123:45): ERROR"),
        "[12345.678901] ERROR".to_owned(),
        "<13>1 - h a - - - ERROR".to_owned(),
        "@4000000065a1b2c3d4e5f60a ERROR".to_owned(),
        form("%y%m%d %H:%M:%S ERROR"),
        form("%Y%m%dT%H%M%SZ ERROR"),
        form("%Y%m%d%H%M%S ERROR"),
        form("%G-W%V-%uT%H:%M ERROR"),
        form("[%m%d/%H%M%S.1:ERROR:x]"),
        form("%Y-%m-%d ERROR"),
        form("%Y\u{5e74}%m\u{6708}%d\u{65e5} %H\u{6642}%M\u{5206} ERROR"),
        form("%Y-%m-%d %H:%M:%S:123 ERROR"),
        form("%Y-%m-%d %H:%M:%S -5 ERROR"),
        form("%b %e %H:%M:%S pm ERROR"),
        // The client chooses the name of the user.
        format!("1.1.1.1 - john a b c d [{access}] \"GET ERROR\""),
        format!("1.1.1.1 - {names} [{access}] \"GET ERROR\""),
        format!("1.1.1.1 - [01/Jan/2020:00:00:00 +0000] [{access}] \"GET ERROR\""),
        format!("1.1.1.1 - [01/Jan/2020:00:00:00 +0000] \\\" {names} [{access}] \"GET ERROR\""),
    ];
    let look_at = async |second: &[u8]| {
        let mut content = line(120, "start").into_bytes();
        content.extend(second);
        std::fs::write(&path, content).unwrap();
        look_at(&path, "10m", "ERROR").await
    };
    let mut wrong = Vec::new();
    for second in lines {
        let seen = look_at(format!("{second}\n").as_bytes()).await;
        let unknown = seen.unknown.get("count").is_some_and(|blocked| blocked.barrier == Barrier::Protocol);
        if !unknown || known(&seen, "at_least") != &Value::from(0) {
            wrong.push(second);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // JSON is read as far as its time goes.
    let latin = [json(r#""msg":"caf"#).trim_end_matches('}').as_bytes(), b"\xe9\"}\n"].concat();
    for second in [json(&format!(r#""v":{deep}"#)).as_bytes(), &latin] {
        assert_eq!(known(&look_at(second).await, "count"), &Value::from(1));
    }
    // What is indented goes on with the line before it.
    let seen = look_at(b"    at main.rs:12:30 ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(0), "{seen:?}");
}

#[tokio::test]
async fn a_line_without_a_time_behind_the_last_one_before_the_window_may_have_been_written_since() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let old = line(120, "started");
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    for death in [
        "panicked at ERROR",
        "Traceback (most recent call last):\n  File \"app.py\", line 3\nERROR: no such key",
        "Caused by: ERROR 1.2.3 of 10.0.0.1",
        "ERROR de:ad:be:ef:00:11",
    ] {
        std::fs::write(&path, format!("{old}{death}\n")).unwrap();
        assert_eq!(barrier(&look_at(&path, "10m", "ERROR").await, "count"), Barrier::Protocol, "{death}");
        assert_eq!(known(&look_at(&path, "10m", "PANIC").await, "count"), &Value::from(0));
        // Behind it the window has begun: it was written before that, or within it.
        std::fs::write(&path, format!("{old}{death}\n{}", line(2, "restarted"))).unwrap();
        assert_eq!(barrier(&look_at(&path, "10m", "ERROR").await, "count"), Barrier::Protocol, "{death}");
        // Before another line of old.
        std::fs::write(&path, format!("{old}{death}\n{}{}", line(110, "restarted"), line(2, "fine")))
            .unwrap();
        assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "count"), &Value::from(0), "{death}");
        // Nothing was written in the window.
        std::fs::write(&path, format!("{old}{death}\n")).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(hour_ago).unwrap();
        assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "count"), &Value::from(0), "{death}");
    }
}

#[tokio::test]
async fn lines_of_the_window_before_a_block_of_old_ones_are_counted() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let seconds = |ago: i64, text: &str| format!("{} app: {text}\n", Timestamp::now() - ago.seconds());
    let old = |lines: i64, text: &str| (0..lines).map(|n| seconds(9000 - n % 3000, text)).collect::<String>();
    let (before, error, after) = (line(600, "start"), seconds(100, "ERROR"), seconds(50, "fine"));
    // The clock was set back, or lines were replayed.
    std::fs::write(
        &path,
        [before.clone(), error.clone(), old(1500, &"x".repeat(200)), after.clone()].concat(),
    )
    .unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
    // So far before the end that only samples are taken.
    let errors = error.repeat(100_000);
    let block = old(80_000, &"x".repeat(1 << 10));
    std::fs::write(&path, [before, errors, block, after].concat()).unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(100_000), "{:?}", seen.unknown);
}

#[tokio::test]
async fn a_zone_that_a_line_names_is_its_zone_however_it_is_written() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let look = async |zone: &str, form: &str, more: Json| {
        let at =
            |ago: i64| (Timestamp::now() - ago.seconds()).in_tz(zone).unwrap().strftime(form).to_string();
        std::fs::write(&path, format!("{} start\n{} ERROR\n", at(200_000), at(60))).unwrap();
        let mut parameters = json!({ "log": path, "since": "10m", "match": "ERROR", "zone": "Asia/Tokyo" });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        look(act("log", &parameters)).await
    };
    for form in [
        "%F %T Z",
        "%F %T utc",
        "%F %T (UTC)",
        "%FT%T[UTC]",
        "%FT%T.1234567890Z",
        "%F %T  UTC",
        "[%F %T] UTC",
        "%F %TUTC",
        "%b %e %T UTC",
        "%b %e %T +00:00",
        "%F %T GMT+0",
        "%a %b %e %T %Y +0000",
        "%FT%T[Europe/London]",
    ] {
        let seen = look("UTC", form, json!({})).await;
        assert_eq!(seen.facts.get("count"), Some(&Value::from(1)), "{form}: {seen:?}");
    }
    for (zone, form) in [
        ("Etc/GMT+5", "%F %T UTC-5"),
        ("Etc/GMT-2", "%F %T GMT+2"),
        ("Etc/GMT-2", "%F %T GMT+02:00"),
        ("Etc/GMT-2", "%b %e %T utc+0200"),
    ] {
        let seen = look(zone, form, json!({})).await;
        assert_eq!(seen.facts.get("count"), Some(&Value::from(1)), "{form}: {seen:?}");
    }
    // Behind what the plan's format reads, too.
    let form = json!({ "format": "%d.%m.%Y %H:%M:%S" });
    let seen = look("UTC", "%d.%m.%Y %T UTC", form.clone()).await;
    assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
    let seen = look("Asia/Tokyo", "%d.%m.%Y %T", form.clone()).await;
    assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
    let seen = look("Asia/Tokyo", "%d.%m.%Y %T.250", form).await;
    assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
    // Halves of a day, and an abbreviation of several zones.
    for form in ["%Y-%m-%d %I:%M:%S a.m.", "%F %T MET", "[%F %T] SST", "%b %e %T EST"] {
        let seen = look("UTC", form, json!({})).await;
        assert_eq!(barrier(&seen, "count"), Barrier::Unsupported, "{form}: {seen:?}");
    }
    // What is no zone: the name of a component or of a host.
    for form in [
        "[%F %T] [App/Worker] UTC",
        "%b %e %T Host/relay app: UTC",
        "%b %e %T utc-server.example.org UTC",
        "%b %e %T z-1 UTC",
    ] {
        let seen = look("Asia/Tokyo", form, json!({})).await;
        assert_eq!(known(&seen, "count"), &Value::from(1), "{form}: {seen:?}");
    }
}

#[tokio::test]
async fn an_afternoon_or_a_zone_behind_a_clock_is_not_passed_over_however_it_is_written() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let look = async |behind: &str| {
        let at = |ago: i64| {
            let at = (Timestamp::now() - ago.seconds()).in_tz("Asia/Dhaka").unwrap();
            // As clocks of 12 hours show the afternoon, and zones behind UTC the morning.
            (at - 6.hours()).strftime("%F %T").to_string()
        };
        let lines = format!("{}{behind} start\n{}{behind} ERROR\n", at(7200), at(60));
        std::fs::write(&path, lines).unwrap();
        let parameters = json!({ "log": path, "since": "10m", "match": "ERROR", "zone": "+06:00" });
        look(act("log", &parameters)).await
    };
    for behind in [
        "\u{202f}PM",
        "\u{a0}PM",
        "     PM",
        ", PM",
        "_PM",
        "-PM",
        " nachm.",
        " \u{5348}\u{5f8c}",
        " BRT",
        " ICT",
    ] {
        let seen = look(behind).await;
        assert!(!seen.facts.contains_key("count"), "{behind}: {seen:?}");
    }
    // This is read: it says that it is UTC.
    let seen = look(" \u{2212}00:00").await;
    assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_utf_8_matches_only_where_its_encoding_does_not_matter_or_is_said() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let mut content = line(60, "start").into_bytes();
    content.extend(line(1, "Fehler f\u{fc}r Platte sda").chars().map(|c| u8::try_from(c).unwrap()));
    std::fs::write(&path, &content).unwrap();
    let with = async |pattern: &str, more: Json| {
        let mut parameters = json!({ "log": path, "since": "10m", "match": pattern });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        look(act("log", &parameters)).await
    };
    for pattern in [
        "Fehler f\u{fc}r",
        r"Fehler \w+ Platte",
        r"f\x{fc}r",
        r"f\p{L}r",
        "\u{43e}\u{448}\u{438}\u{431}\u{43a}\u{430}",
    ] {
        let seen = with(pattern, json!({})).await;
        assert_eq!(known(&seen, "at_least"), &Value::from(0), "{pattern}: {seen:?}");
        for fact in ["count", "last", "times", "lines"] {
            assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{pattern}: {fact}: {seen:?}");
        }
    }
    for (pattern, count) in [("Fehler", 1), ("Fehler f.r Platte", 1), ("sda$", 1), ("PANIC", 0), ("start", 0)]
    {
        let seen = with(pattern, json!({})).await;
        assert_eq!(known(&seen, "count"), &Value::from(count), "{pattern}: {seen:?}");
    }
    for encoding in ["latin1", "windows-1252"] {
        let seen = with(r"Fehler f\wr", json!({ "encoding": encoding })).await;
        assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
        let Value::List(lines) = known(&seen, "lines") else { panic!("{seen:?}") };
        assert!(lines[0].as_text().unwrap().ends_with("Fehler f\u{fc}r Platte sda"), "{lines:?}");
        let seen = with("PANIC", json!({ "encoding": encoding })).await;
        assert_eq!(known(&seen, "count"), &Value::from(0));
    }
    // What the line is not in, and what is read by no line's end.
    assert_eq!(barrier(&with("Fehler", json!({ "encoding": "utf-8" })).await, "count"), Barrier::Protocol);
    for encoding in ["utf-16", "no-such"] {
        let seen = with("Fehler", json!({ "encoding": encoding })).await;
        assert_eq!(barrier(&seen, "count"), Barrier::Unsupported, "{encoding}");
    }
}

#[tokio::test]
async fn a_line_that_bears_an_old_time_does_not_begin_the_window() {
    let folder = support::folder();
    let path = folder.path().join("access.log");
    // As a request that took an hour and is written when it ends: at the beginning of the last 256 KiB.
    let fine = line(5, &"x".repeat(100));
    let after = fine.repeat((256 << 10) / fine.len() - 1);
    let late = line(60, &"late ".repeat(60));
    let content = format!("{}{}{late}{after}", line(600, "start"), line(5, "ERROR").repeat(3));
    std::fs::write(&path, &content).unwrap();
    assert!(late.len() + after.len() > 256 << 10 && after.len() < 256 << 10);
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(3));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
}

#[tokio::test]
async fn a_log_without_end_is_left_in_time() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, line(600, "start")).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let parameters = json!({ "log": path, "since": "1d" });
    let seen = support::look_with(act("log", &parameters), &[], Duration::from_millis(300)).await;
    // A line of so many zeros is longer than any that is read; or nobody waits to see it.
    let barrier = barrier(&seen, "count");
    assert!(matches!(barrier, Barrier::TimedOut | Barrier::TooLarge), "{seen:?}");
    support::until("nobody reads any more", || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap();
        !all.filter_map(Result::ok).any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == path))
    });
}

#[tokio::test]
async fn a_time_that_lies_ahead_is_not_when_its_line_was_written() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, format!("{}{}{}", line(60, "start"), line(5, "ERROR"), line(-120, "ERROR")))
        .unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!((known(&seen, "at_least"), known(&seen, "ahead")), (&Value::from(1), &Value::from(1)));
    for fact in ["count", "last", "last_age_s", "times", "times_found", "lines"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}");
    }
    assert!(seen.unknown["last"].detail.contains("ahead of the look"), "{seen:?}");
    // Of a line that is not meant it does not matter.
    let seen = look_at(&path, "10m", "PANIC").await;
    assert_eq!((known(&seen, "count"), known(&seen, "ahead")), (&Value::from(0), &Value::from(0)));
    // What was written within the second in which the look is made is no future.
    std::fs::write(&path, format!("{}{}", line(60, "start"), line(0, "ERROR"))).unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert!(known(&seen, "last_age_s").as_f64().unwrap() >= 0.0, "{seen:?}");
}

#[tokio::test]
async fn an_old_time_behind_the_window_s_beginning_is_not_when_its_line_was_written() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    // The clock was set back and forward again.
    let old = line(30 * 24 * 60, "ERROR");
    for lines in [
        [line(120, "start"), line(5, "fine"), old.clone(), line(1, "fine")],
        [line(120, "start"), line(5, "fine"), line(1, "fine"), old.clone()],
    ] {
        std::fs::write(&path, lines.concat()).unwrap();
        let seen = look_at(&path, "10m", "ERROR").await;
        assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
        for fact in ["count", "last", "times", "lines"] {
            assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}: {seen:?}");
        }
        assert!(
            seen.unknown["count"].detail.contains("from before it, behind lines of the window"),
            "{seen:?}"
        );
        // What does not match is of no interest.
        assert_eq!(known(&look_at(&path, "10m", "fine").await, "count"), &Value::from(2));
    }
    // What stands before the window was written before it.
    std::fs::write(&path, [old, line(120, "start"), line(5, "fine")].concat()).unwrap();
    assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "count"), &Value::from(0));
}

#[tokio::test]
async fn a_line_of_the_second_before_the_window_is_none_of_it_wherever_it_stands() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    loop {
        let start = Timestamp::from_second((Timestamp::now() - 10.minutes()).as_second()).unwrap();
        let at = |milliseconds: i64| format!("{} app: ERROR\n", start + milliseconds.milliseconds());
        std::fs::write(&path, [line(120, "start"), at(30_000), at(-20)].concat()).unwrap();
        let seen = look_at(&path, "10m", "ERROR").await;
        // The next second may have begun meanwhile.
        if known(&seen, "window_start") == &Value::from(start) {
            assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}");
            return;
        }
    }
}

#[tokio::test]
async fn lines_that_end_with_carriage_returns_alone_are_one_whose_time_is_not_known() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let lines = [line(120, "start"), line(5, "fine"), line(1, "ERROR")].concat();
    std::fs::write(&path, lines.replace('\n', "\r")).unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(barrier(&seen, "count"), Barrier::Protocol, "{seen:?}");
    // With line feeds they are lines, and a line that is written over itself is one.
    let again = lines.replace('\n', "\r\n") + &line(1, "1 %\r50 %\rERROR\r");
    std::fs::write(&path, again).unwrap();
    assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "count"), &Value::from(2));
}

#[test]
fn times_are_in_the_zone_that_they_name_or_the_plan_says_or_unknown() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let in_zone = |minutes: i64, zone: &str, format: &str| {
        let at = (Timestamp::now() - minutes.minutes()).in_tz(zone).unwrap();
        jiff::fmt::strtime::format(format, &at).unwrap()
    };
    let write = |zone: &str, format: &str| {
        let (first, second) = (in_zone(180, zone, format), in_zone(1, zone, format));
        std::fs::write(&path, format!("{first} start\n{second} ERROR disk full\n")).unwrap();
    };
    let look = |more: Json, variables: &[&str]| {
        let mut parameters = json!({ "log": path, "since": "10m", "match": "ERROR" });
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        here().under(&[&["env"], variables].concat()).look("log", &parameters)
    };
    let one = Value::from(1);
    // Named in each line, by an abbreviation that everybody means the same by.
    write("UTC", "%Y-%m-%d %H:%M:%S.000 UTC [7]");
    assert_eq!(known(&look(json!({}), &[]), "count"), &one);
    // Said by the plan.
    write("Asia/Tokyo", "%b %e %H:%M:%S");
    assert_eq!(known(&look(json!({ "zone": "Asia/Tokyo" }), &[]), "count"), &one);
    assert_eq!(known(&look(json!({ "zone": "+09:00" }), &[]), "count"), &one);
    assert_eq!(barrier(&look(json!({ "zone": "Mars/Base" }), &[]), "count"), Barrier::Unsupported);
    // With a form of its own.
    write("Asia/Tokyo", "%d.%m.%Y %H:%M:%S");
    assert_eq!(barrier(&look(json!({}), &[]), "count"), Barrier::Protocol);
    let form = json!({ "zone": "Asia/Tokyo", "format": "%d.%m.%Y %H:%M:%S" });
    assert_eq!(known(&look(form, &[]), "count"), &one);
    // Neither: whose variable it was is not known, where the machine's zone is another one.
    write("America/New_York", "%Y-%m-%d %H:%M:%S");
    let seen = look(json!({}), &["TZ=Asia/Tokyo"]);
    assert_eq!(barrier(&seen, "count"), Barrier::Unsupported);
    assert!(seen.unknown["*"].detail.contains("say `zone`"), "{seen:?}");
    assert_eq!(known(&look(json!({ "zone": "America/New_York" }), &["TZ=Asia/Tokyo"]), "count"), &one);
    // An abbreviation of another zone is that of several.
    write("Asia/Shanghai", "%Y-%m-%d %H:%M:%S CST");
    assert_eq!(barrier(&look(json!({}), &[]), "count"), Barrier::Unsupported);
    assert_eq!(known(&look(json!({ "zone": "Asia/Shanghai" }), &[]), "count"), &one);
}

#[tokio::test]
async fn a_log_that_is_cut_off_under_the_look_is_not_what_was_read() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let lines = line(60, "ERROR").repeat(2_000_000);
    std::fs::write(&path, format!("{}{lines}", line(600, "start"))).unwrap();
    let reads = || {
        let mut all = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
        all.any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == path))
    };
    let seen = std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let parameters = json!({ "log": path, "since": "2h", "match": "ERROR" });
            runtime.block_on(support::look_with(act("log", &parameters), &[], Duration::from_secs(60)))
        });
        support::until("the log is being read", reads);
        // As logrotate does with `copytruncate`.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        look.join().unwrap()
    });
    assert_eq!(barrier(&seen, "count"), Barrier::Changed, "{seen:?}");
}

#[tokio::test]
async fn more_than_a_thousand_lines_are_counted_but_not_listed() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, format!("{}{}", line(60, "start"), line(1, "x").repeat(1001))).unwrap();
    let seen = look_at(&path, "10m", "x").await;
    assert_eq!(known(&seen, "count"), &Value::from(1001));
    assert_eq!(barrier(&seen, "times"), Barrier::TooLarge);
    assert_eq!(barrier(&seen, "lines"), Barrier::TooLarge);
}

#[test]
fn parameters_that_cannot_work_are_refused_when_the_plan_is_read() {
    let refused = |parameters: Json| Act::deserialize("log", parameters).unwrap().unwrap_err().to_string();
    assert!(refused(json!({ "log": "app.log" })).contains("not an absolute path"));
    assert!(refused(json!({ "log": { "journal": "a", "unit": "b" } })).contains("unit"));
    assert!(refused(json!({ "log": "/a", "match": "(" })).contains("unclosed group"));
    assert!(refused(json!({ "log": "/a", "since": "soon" })).contains("not a duration"));
    assert!(refused(json!({ "log": "/a", "zone": "here or there" })).contains("names no time zone"));
    assert!(refused(json!({ "log": "/a", "format": "%H:%M" })).contains("no format of a date and a time"));
    assert!(refused(json!({ "log": "/a", "format": "%Ö" })).contains("no format of a date and a time"));
    // What is coarser than a second, or half a day off, would place a line where it may not be.
    for format in
        ["%d.%m.%Y", "%Y-%m-%d %H", "%Y-%m-%d %H:%M", "%m/%d %H:%M", "%F %I:%M:%S", "%F %-I:%M:%S %%p"]
    {
        let refused = refused(json!({ "log": "/a", "format": format }));
        assert!(refused.contains("does not tell every second"), "{format}: {refused}");
    }
    assert!(
        refused(json!({ "log": { "journal": "a" }, "zone": "UTC" })).contains("the journal knows its times")
    );
    // What no line can match would be none of them.
    for pattern in ["ERROR\n", r"Traceback.*\n.*Error", r"\[a\n", "a\r\nb"] {
        let refused = refused(json!({ "log": "/a", "match": pattern }));
        assert!(refused.contains("one line at a time"), "{pattern}: {refused}");
    }
    for (log, pattern) in [
        (json!("/a"), r"a[^\n]*b"),
        (json!("/a"), "(?x) a\n b"),
        (json!("/a"), r"C:\\new"),
        (json!({ "journal": "a" }), r"a\nb"),
    ] {
        assert!(
            Act::deserialize("log", json!({ "log": log, "match": pattern })).unwrap().is_ok(),
            "{pattern}"
        );
    }
    let refused_encoding = refused(json!({ "log": { "journal": "a" }, "encoding": "latin1" }));
    assert!(refused_encoding.contains("the journal knows its times"));
    for format in ["%b %d %T", "%s", "%d/%b/%Y:%H:%M:%S %z", "%F %I:%M:%S %p", "%D %l:%M:%S %P"] {
        assert!(
            Act::deserialize("log", json!({ "log": "/a", "format": format })).unwrap().is_ok(),
            "{format}"
        );
    }
}
