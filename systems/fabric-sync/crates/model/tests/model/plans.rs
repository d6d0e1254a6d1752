//! Plans as texts, names, and the quarantine.

use fabric_model::plan::{Change, Quarantine};
use fabric_model::{Action, FabricName, Identity, ObjectKind, Plan, SourceRef};
use jiff::{SignedDuration, Timestamp};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

#[test]
fn a_refused_change_waits_longer_each_time_and_another_change_does_not_wait() {
    let object = Identity::new(ObjectKind::Device, "lab/default/x");
    let change = |id| Change { object: object.clone(), source: None, action: Action::Mark { id } };
    let mut quarantine = Quarantine::default();
    let mut time = now();
    for wait in [5, 10, 20, 40, 80, 160, 320, 360, 360] {
        quarantine.record_refusal(&change(1), "no", time);
        let until = time + SignedDuration::from_mins(wait);
        assert!(quarantine.hold(&change(1), until - SignedDuration::from_secs(1)).is_some());
        assert_eq!(quarantine.hold(&change(1), until), None);
        assert_eq!(quarantine.hold(&change(2), time), None, "another change to the object is another matter");
        time = until;
    }
    quarantine.record_success(&change(1), time);
    assert_eq!(quarantine.entries().count(), 0);
}

#[test]
fn a_wait_that_a_wrong_clock_told_is_over_when_the_clock_is_right() {
    let object = Identity::new(ObjectKind::Device, "lab/default/x");
    let change = Change { object, source: None, action: Action::Mark { id: 1 } };
    let mut quarantine = Quarantine::default();
    quarantine.record_refusal(&change, "no", now() + SignedDuration::from_hours(24 * 365 * 10));
    assert_eq!(quarantine.hold(&change, now()), None);
    quarantine.record_refusal(&change, "no", now());
    assert!(quarantine.hold(&change, now()).is_some());
}

#[test]
fn a_text_that_is_no_plan_is_refused_with_what_would_be_right() {
    for (text, word) in [("", "no plan"), ("{}", "no plan"), ("{\"format\": 99}", "format 99")] {
        let error = Plan::parse(text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn names_are_refused_with_what_would_be_right() {
    for bad in ["", "Lab", "lab/1", "-lab", "lab-", "läb", &"x".repeat(33)] {
        assert!(FabricName::new(bad).is_err(), "{bad}");
    }
    for bad in [
        "Switch",
        "Switch/default",
        "Switch//x",
        "Toaster/default/x",
        "Switch/default/",
        "Switch/default/a/b",
    ] {
        assert!(bad.parse::<SourceRef>().is_err(), "{bad}");
    }
    assert_eq!("Switch/default/leaf-01".parse::<SourceRef>().unwrap().to_string(), "Switch/default/leaf-01");
}
