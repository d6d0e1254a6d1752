//! An observer that stands still while it looks: stopped by a signal here, as it is frozen or paused elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use probity_plan::{Barrier, FactType, Observation, Sources};
use probity_probe::{Here, Secrets, look_once};
use rustix::process::{Pid, Signal, kill_process};

const PLAN: &str = "PROBITY_TEST_PLAN";
const SEEN: &str = "SEEN ";

struct Only(String);
impl Sources for Only {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// Looks, if this process was started for that.
#[test]
fn look_that_is_stopped() {
    let Ok(probe) = std::env::var(PLAN) else { return };
    let plan = format!(
        "plan: p\nprobes:\n  it: {probe}\nclaims:\n  c: {{ of: it, check: answered }}\nverdict:\n  - {{ label: L }}\n"
    );
    let plan = probity_plan::load("p.yaml", &Only(plan), &BTreeMap::new()).unwrap().plan;
    let secrets = Secrets::default();
    let here = Here::new(&secrets, jiff::Timestamp::now());
    let seen = look_once(&here, &plan.probes[0], &plan.probes[0].cells[0], &secrets).unwrap();
    println!("\n{SEEN}{}", serde_json::to_string(&seen).unwrap());
}

/// What an observer sees that is stopped for so long while it waits for an answer, which is there meanwhile or never comes.
fn stopped(timeout: &str, pause: Duration, answers: bool) -> Observation {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let probe = format!("{{ http: \"http://{}/\", timeout: {timeout} }}", listener.local_addr().unwrap());
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["look_that_is_stopped", "--exact", "--nocapture"])
        .env(PLAN, probe)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    if answers {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    }
    // The pause itself is what is tested.
    std::thread::sleep(pause);
    kill_process(pid, Signal::CONT).unwrap();
    let said = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let seen = said.lines().find_map(|line| line.strip_prefix(SEEN)).unwrap_or_else(|| panic!("{said}"));
    serde_json::from_str(seen).unwrap()
}

#[test]
fn the_time_in_which_the_observer_stood_still_is_not_the_targets() {
    let seen = stopped("10s", Duration::from_millis(700), true);
    assert_eq!(seen.facts["answered"], true.into());
    let elapsed = FactType::Interval.adopt(seen.facts["elapsed_ms"].clone()).unwrap();
    let (least, most) = elapsed.ends().unwrap();
    assert!(least < 600.0 && most >= 700.0, "{least} to {most}");
    assert!(seen.scheduling_delay_us.unwrap() >= 600_000, "{seen:?}");
}

#[test]
fn a_silence_that_the_observer_did_not_listen_to_is_none() {
    let seen = stopped("300ms", Duration::from_millis(600), false);
    assert_eq!(seen.unknown["answered"].barrier, Barrier::Overloaded, "{seen:?}");
    assert!(!seen.facts.contains_key("answered"), "{seen:?}");
}
