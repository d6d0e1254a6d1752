//! The alert rules that ship, by Prometheus' own promtool, and that each metric they use is one that we give.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use fabric_sync::metrics::Metrics;
use fabric_sync::report::Report;
use jiff::Timestamp;

fn alerts() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts")
}

#[test]
fn each_alert_fires_on_its_fault_and_is_silent_without_it() {
    let run = |arguments: &[&str]| Command::new("promtool").args(arguments).current_dir(alerts()).output();
    let Ok(checked) = run(&["check", "rules", "fabric-sync.rules.yml"]) else {
        println!("SKIPPED: there is no promtool; scripts/debian-tools unpacks it");
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let tested = run(&["test", "rules", "fabric-sync.test.yml"]).unwrap();
    let said = [tested.stdout, tested.stderr].concat();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn every_metric_of_a_rule_is_one_that_we_give_and_every_alert_is_tested() {
    let rules = std::fs::read_to_string(alerts().join("fabric-sync.rules.yml")).unwrap();
    let tests = std::fs::read_to_string(alerts().join("fabric-sync.test.yml")).unwrap();
    let now = Timestamp::now();
    let mut report = Report::new("lab", "Lab");
    report.whole_as_of = Some(now);
    report.differs_since = Some(now);
    let given = Metrics::new(["lab"].into_iter()).render(&[report], now);
    assert!(given.ends_with("# EOF\n"), "{given}");
    let mut names = 0;
    for word in rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        if let Some(name) = word.strip_prefix("fabric_sync_") {
            names += 1;
            assert!(
                given.contains(&format!("\nfabric_sync_{name}{{fabric=\"lab\"")),
                "{word} is not given:\n{given}"
            );
        }
    }
    assert!(names > 8, "the rules were not read");
    for line in rules.lines() {
        if let Some(alert) = line.trim().strip_prefix("- alert: ") {
            assert!(tests.contains(&format!("alertname: {alert}")), "{alert} has no test");
        }
    }
}
