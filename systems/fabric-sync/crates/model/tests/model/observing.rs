//! What agents report, beside the wiring.

use crate::fabrics::{Specs, fabric, snapshot};
use fabric_model::observed::{AgentReport, Cabling, observe};
use fabric_model::{Comparison, Inventory, Kind, Unread, UnreadCause, map_fabric};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn specs() -> Specs {
    let switch = json!({"role": "spine", "profile": "box"});
    let link = json!({"server": {"port": "server/eth0"}, "switch": {"port": "leaf/E1/1"}});
    let up = json!({"spine": {"port": "spine/E1/1"}, "leaf": {"port": "leaf/E1/2"}});
    [
        ((Kind::Switch, "leaf".into()), switch.clone()),
        ((Kind::Switch, "spine".into()), switch),
        ((Kind::Server, "server".into()), json!({})),
        ((Kind::Connection, "down".into()), json!({"unbundled": {"link": link}})),
        ((Kind::Connection, "up".into()), json!({"fabric": {"links": [up]}})),
    ]
    .into()
}

fn report(interfaces: &Value) -> AgentReport {
    let mut seen = snapshot(&specs());
    let agent = json!({
        "metadata": {"name": "leaf", "generation": 8}, "spec": {},
        "status": {"lastHeartbeat": "2026-03-01T11:59:00Z", "lastAppliedGen": 7, "state": {"interfaces": interfaces}},
    });
    seen.insert(Kind::Agent, Ok(("1".into(), vec![agent])));
    let observations = observe(&seen);
    assert_eq!(observations.unread, None);
    assert_eq!(
        observations.switches.iter().find(|each| each.switch.name == "spine").unwrap().report,
        None,
        "it has no agent"
    );
    observations.switches.into_iter().find(|each| each.switch.name == "leaf").unwrap().report.unwrap()
}

fn neighbor(name: &str, port: &str) -> Value {
    json!({"lldpNeighbors": [{"sysName": name, "portID": port}]})
}

#[test]
fn what_is_plugged_in_is_compared_to_what_is_intended() {
    let report = report(&json!({"E1/1": neighbor("other", "eth0")}));
    let wrong = Cabling::Otherwise { intended: "server/eth0".into(), observed: vec!["other/eth0".into()] };
    assert_eq!(report.ports["E1/1"], wrong);
    assert_eq!(report.ports["E1/2"], Cabling::Silent { intended: "spine/E1/1".into() });
    assert_eq!(report.is_applied(), Some(false));
    assert_eq!(
        report.heartbeat_age("2026-03-01T12:00:00Z".parse().unwrap()),
        Some(SignedDuration::from_mins(1))
    );
}

#[test]
fn the_right_port_the_wrong_port_and_a_port_of_another_naming_are_told_apart() {
    for (port, is_intended) in
        [("E1/1", true), ("E1/7", false), ("Ethernet4", true), ("0c:20:12:fe:00:01", true)]
    {
        let report = report(&json!({"E1/2": neighbor("spine", port)}));
        assert_eq!(
            report.ports["E1/2"] == Cabling::AsIntended,
            is_intended,
            "{port}: {:?}",
            report.ports["E1/2"]
        );
    }
}

#[test]
fn without_the_agents_nothing_is_said() {
    let mut seen = snapshot(&specs());
    let unread = Unread::new(UnreadCause::Forbidden, "agents");
    seen.insert(Kind::Agent, Err(unread.clone()));
    let observations = observe(&seen);
    assert_eq!((observations.unread, observations.switches.len()), (Some((Kind::Agent, unread)), 0));
}

#[test]
fn an_agent_that_cannot_be_understood_says_nothing_of_netbox_and_is_told() {
    let mut snapshot =
        snapshot(&[((Kind::Switch, "leaf".to_owned()), json!({"role": "leaf", "profile": "box"}))].into());
    let metadata = json!({"name": "leaf", "namespace": "default"});
    let status = json!({"lastAppliedGen": "seven"});
    snapshot.insert(
        Kind::Agent,
        Ok(("1".into(), vec![json!({"metadata": metadata, "spec": {}, "status": status})])),
    );
    let observed = observe(&snapshot);
    assert!(observed.switches[0].malformed.is_some() && observed.switches[0].report.is_none());
    let desired = map_fabric(&fabric(), &snapshot);
    let comparison = Comparison::new(desired, &snapshot, &Inventory::new());
    assert_eq!((comparison.desired.problems.len(), comparison.counts().problems), (1, 0));
}
