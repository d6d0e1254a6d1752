//! What the switches report beside what is intended, for the report. What a switch said before its heartbeat stayed away is not believed.

use std::time::Duration;

use fabric_model::Snapshot;
use fabric_model::observed::{AgentReport, Cabling, SwitchObservation};
use jiff::{SignedDuration, Timestamp};

use crate::report::Observed;

/// How far a switch's clock may be ahead of ours.
const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Looks at what was reported, at `now`; a heartbeat that is older than `heartbeat` is too old.
#[must_use]
pub fn observe(snapshot: &Snapshot, heartbeat: Duration, now: Timestamp) -> Observed {
    let observations = fabric_model::observed::observe(snapshot);
    let mut observed = Observed::default();
    if let Some((kind, why)) = observations.unread {
        observed.unknown.push(format!("{kind}: {why}"));
    }
    for SwitchObservation { switch, report, malformed } in observations.switches {
        match report {
            None if let Some(reason) = malformed => {
                observed.unknown.push(format!("{}: its agent cannot be understood: {reason}", switch.name));
            }
            None => observed.unknown.push(format!("{}: it has no agent", switch.name)),
            Some(report) => take_in(&mut observed, &switch.name, &report, heartbeat, now),
        }
    }
    observed
}

fn take_in(observed: &mut Observed, switch: &str, report: &AgentReport, heartbeat: Duration, now: Timestamp) {
    let limit = SignedDuration::try_from(heartbeat).unwrap_or(SignedDuration::MAX);
    match report.heartbeat_age(now) {
        Some(age) if age < -MAX_AHEAD => {
            observed.unknown.push(format!(
                "{switch}: its last heartbeat was at {}, which is yet to come: its clock or this machine's is wrong",
                report.last_heartbeat.map(|last| last.to_string()).unwrap_or_default()
            ));
            return;
        }
        Some(age) if age <= limit => {}
        Some(_) => {
            observed.unknown.push(format!(
                "{switch}: its last heartbeat was at {}, longer ago than {} s",
                report.last_heartbeat.map(|last| last.to_string()).unwrap_or_default(),
                heartbeat.as_secs()
            ));
            return;
        }
        None => {
            observed.unknown.push(format!("{switch}: its agent never reported"));
            return;
        }
    }
    match report.is_applied() {
        Some(true) => observed.same += 1,
        Some(false) => observed.differs.push(format!(
            "{switch}: generation {} is desired, {} is applied",
            report.desired_generation.unwrap_or_default(),
            report.applied_generation.unwrap_or_default()
        )),
        None => observed.unknown.push(format!("{switch}: which generation it applied is not reported")),
    }
    for (port, cabling) in &report.ports {
        match cabling {
            Cabling::AsIntended => observed.same += 1,
            Cabling::Otherwise { .. } => observed.differs.push(format!("{switch}/{port}: {cabling}")),
            Cabling::Silent { .. } => observed.unknown.push(format!("{switch}/{port}: {cabling}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use fabric_model::Kind;
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn snapshot(heartbeat: &str, applied: i64, neighbor: &Value) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for kind in Kind::ALL {
            snapshot.insert(kind, Ok(("1".into(), Vec::new())));
        }
        let object = |name: &str, spec: Value, status: Value| json!({"metadata": {"name": name, "namespace": "default", "uid": name, "generation": 4}, "spec": spec, "status": status});
        let link = json!({"unbundled": {"link": {"server": {"port": "server-01/eth0"}, "switch": {"port": "leaf-01/E1/1"}}}});
        let interfaces = json!({"E1/1": {"lldpNeighbors": neighbor}});
        let status = json!({"lastHeartbeat": heartbeat, "lastAppliedGen": applied, "state": {"interfaces": interfaces}});
        snapshot.apply_object(Kind::Switch, object("leaf-01", json!({"role": "server-leaf"}), Value::Null));
        snapshot.apply_object(Kind::Switch, object("leaf-02", json!({"role": "server-leaf"}), Value::Null));
        snapshot.apply_object(Kind::Connection, object("c", link, Value::Null));
        snapshot.apply_object(Kind::Agent, object("leaf-01", json!({}), status));
        snapshot
    }

    fn seen(heartbeat: &str, applied: i64, neighbor: &Value) -> Observed {
        observe(&snapshot(heartbeat, applied, neighbor), Duration::from_secs(300), NOW.parse().unwrap())
    }

    #[test]
    fn each_switch_is_as_intended_otherwise_or_not_known() {
        let right = json!([{"name": "server-01", "portID": "eth0"}]);
        let well = seen("2026-03-01T11:59:30Z", 4, &right);
        assert_eq!((well.same, well.differs.len()), (2, 0), "{well:?}");
        assert_eq!(well.unknown, ["leaf-02: it has no agent"]);

        let behind = seen("2026-03-01T11:59:30Z", 3, &json!([{"name": "server-02", "portID": "eth0"}]));
        assert_eq!(
            behind.differs,
            [
                "leaf-01: generation 4 is desired, 3 is applied",
                "leaf-01/E1/1: server-02/eth0 is plugged in where server-01/eth0 should be"
            ]
        );
        let silent = seen("2026-03-01T11:59:30Z", 4, &json!([]));
        assert_eq!((silent.same, silent.unknown.len()), (1, 2), "{silent:?}");
        // What it said before it fell silent is not believed, good or bad.
        let stale = seen("2026-03-01T11:54:59Z", 3, &right);
        assert_eq!((stale.same, stale.differs.len(), stale.unknown.len()), (0, 0, 2), "{stale:?}");
        // Nor what it says of a time that has not come; a clock that is a little ahead is believed.
        let ahead = seen("2026-03-01T12:01:01Z", 4, &right);
        assert_eq!((ahead.same, ahead.differs.len()), (0, 0), "{ahead:?}");
        assert!(ahead.unknown[0].contains("is yet to come"), "{ahead:?}");
        assert_eq!(seen("2026-03-01T12:00:59Z", 4, &right).same, 2);
    }

    #[test]
    fn agents_that_could_not_be_read_leave_everything_unknown() {
        let mut snapshot = snapshot("2026-03-01T11:59:30Z", 4, &json!([]));
        let why = fabric_model::Unread::new(fabric_model::UnreadCause::Forbidden, "");
        snapshot.insert(Kind::Agent, Err(why));
        let observed = observe(&snapshot, Duration::from_secs(300), NOW.parse().unwrap());
        assert_eq!((observed.same, observed.differs.len()), (0, 0));
        assert_eq!(observed.unknown, ["Agent: reading it is not allowed"]);
    }
}
