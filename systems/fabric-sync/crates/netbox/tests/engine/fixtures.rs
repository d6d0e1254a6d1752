//! A small fabric of all twelve kinds, and a round of comparing and writing.

use fabric_model::{
    Comparison, Fabric, FabricName, Inventory, Kind, Plan, Policy, Quarantine, Snapshot, Unread, map_fabric,
};
use fabric_netbox::fake::FakeNetBox;
use fabric_netbox::{Applied, NetBox, Options, Permit, RunOptions};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// A fabric's objects by kind and name.
#[derive(Clone, Default)]
pub struct Objects(pub BTreeMap<(Kind, String), Value>);

impl Objects {
    /// One spine, two leaves, two servers, a VPC attached to both, an external; of every kind something.
    pub fn small() -> Self {
        let mut objects = Self::default();
        objects.put(Kind::VLANNamespace, "default", json!({"ranges": [{"from": 1000, "to": 1999}]}));
        objects.put(Kind::IPv4Namespace, "default", json!({"subnets": ["10.0.0.0/16"]}));
        objects.put(Kind::SwitchGroup, "pair", json!({}));
        for (number, name) in ["spine", "left", "right"].into_iter().enumerate() {
            let is_leaf = number > 0;
            objects.put(
                Kind::Switch,
                name,
                json!({
                    "role": if is_leaf { "server-leaf" } else { "spine" },
                    "profile": "box", "asn": 65100 + number, "description": format!("The {name}"),
                    "ip": format!("172.30.0.{}/24", number + 1), "protocolIP": format!("172.30.8.{number}/32"),
                    "groups": if is_leaf { json!(["pair"]) } else { json!([]) },
                    "portSpeeds": {"E1/1": "25G"}, "boot": {"serial": format!("SN{number}")},
                }),
            );
        }
        for (number, leaf) in ["left", "right"].into_iter().enumerate() {
            let (spine_end, leaf_end) =
                (format!("172.30.128.{}/31", number * 2), format!("172.30.128.{}/31", number * 2 + 1));
            let link = json!({"spine": {"port": format!("spine/E1/{}", number + 1), "ip": spine_end}, "leaf": {"port": format!("{leaf}/E1/9"), "ip": leaf_end}});
            objects.put(Kind::Connection, &format!("spine--{leaf}"), json!({"fabric": {"links": [link]}}));
        }
        objects.put(Kind::Server, "one", json!({"description": "Single-homed"}));
        objects.put(Kind::Server, "two", json!({}));
        objects.put(
            Kind::Connection,
            "one--left",
            json!({"unbundled": {"link": {"server": {"port": "one/eth0"}, "switch": {"port": "left/E1/1"}}}}),
        );
        objects.put(
            Kind::Connection,
            "two--pair",
            json!({"eslag": {"fallback": true, "mtu": 9000, "links": [
                {"server": {"port": "two/eth0"}, "switch": {"port": "left/E1/2"}},
                {"server": {"port": "two/eth1"}, "switch": {"port": "right/E1/2"}},
            ]}}),
        );
        objects.put(
            Kind::Connection,
            "right--out",
            json!({"external": {"link": {"switch": {"port": "right/E1/7"}}}}),
        );
        for (number, name) in ["red", "blue"].into_iter().enumerate() {
            objects.put(
                Kind::VPC,
                name,
                json!({"ipv4Namespace": "default", "vlanNamespace": "default", "subnets": {"main": {
                    "subnet": format!("10.0.{number}.0/24"), "gateway": format!("10.0.{number}.1"), "vlan": 1000 + number,
                    "dhcp": {"enable": true, "range": {"start": format!("10.0.{number}.10"), "end": format!("10.0.{number}.99")}},
                }}}),
            );
        }
        objects.put(
            Kind::VPCAttachment,
            "red--one",
            json!({"subnet": "red/main", "connection": "one--left"}),
        );
        objects.put(
            Kind::VPCAttachment,
            "red--two",
            json!({"subnet": "red/main", "connection": "two--pair"}),
        );
        objects.put(
            Kind::VPCAttachment,
            "blue--two",
            json!({"subnet": "blue/main", "connection": "two--pair", "nativeVLAN": true}),
        );
        objects.put(Kind::VPCPeering, "red--blue", json!({"permit": [{"red": {}, "blue": {}}]}));
        objects.put(
            Kind::External,
            "out",
            json!({"ipv4Namespace": "default", "inboundCommunity": "65102:1", "outboundCommunity": "65102:2"}),
        );
        objects.put(
            Kind::ExternalAttachment,
            "right--out",
            json!({"external": "out", "connection": "right--out", "switch": {"vlan": 100, "ip": "100.64.0.1/24"}, "neighbor": {"asn": 64999, "ip": "100.64.0.2"}}),
        );
        objects.put(
            Kind::ExternalPeering,
            "red--out",
            json!({"permit": {"vpc": {"name": "red", "subnets": ["main"]}, "external": {"name": "out", "prefixes": [{"prefix": "0.0.0.0/0"}]}}}),
        );
        objects
    }

    pub fn put(&mut self, kind: Kind, name: &str, spec: Value) {
        let uid = format!("{kind}-{name}");
        let metadata = json!({"name": name, "namespace": "default", "uid": uid, "resourceVersion": "7", "generation": 1});
        let object =
            Value::Object([("metadata".into(), metadata), ("spec".into(), spec)].into_iter().collect());
        self.0.insert((kind, name.into()), object);
    }

    pub fn remove(&mut self, kind: Kind, name: &str) {
        self.0.remove(&(kind, name.into())).expect("it was there");
    }

    pub fn spec(&mut self, kind: Kind, name: &str) -> &mut Value {
        &mut self.0.get_mut(&(kind, name.into())).expect("it is there")["spec"]
    }

    /// Everything was read but `unread`.
    pub fn snapshot(&self, unread: &[(Kind, Unread)]) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for kind in Kind::ALL {
            let items = self.0.iter().filter(|((of, _), _)| *of == kind).map(|(_, object)| object.clone());
            snapshot.insert(kind, Ok(("7".into(), items.collect())));
        }
        for (kind, unread) in unread {
            snapshot.insert(*kind, Err(unread.clone()));
        }
        snapshot
    }
}

pub fn granted_if(granted: bool) -> Permit {
    if granted { Permit::Granted } else { Permit::Denied }
}

pub fn fabric() -> Fabric {
    Fabric { name: FabricName::new("lab").unwrap(), site: "Lab".into() }
}

/// A NetBox, the client to it, and the time.
pub struct Bench {
    pub fake: FakeNetBox,
    pub netbox: NetBox,
    pub token: tempfile::NamedTempFile,
    pub now: Timestamp,
    pub policy: Policy,
    pub quarantine: Quarantine,
}

impl Bench {
    pub async fn start() -> Self {
        Self::with(FakeNetBox::start(TOKEN).await.unwrap())
    }

    pub fn with(fake: FakeNetBox) -> Self {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), format!("{TOKEN}\n")).unwrap();
        let mut options = Options::new(fake.url(), token.path().into());
        // The requests are to be few, not slow; small pages, so that every list has several.
        options.requests_per_second = 100_000;
        options.page_size = 7;
        options.deadline = Duration::from_secs(20);
        Self {
            netbox: NetBox::new(options).unwrap(),
            fake,
            token,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            policy: Policy { max_deletion_percent: 50, ..Policy::default() },
            quarantine: Quarantine::default(),
        }
    }

    pub async fn inventory(&self) -> Inventory {
        self.netbox.read_inventory(&fabric().name).await
    }

    pub async fn compare(&self, snapshot: &Snapshot) -> (Comparison, Inventory) {
        let inventory = self.inventory().await;
        (Comparison::new(map_fabric(&fabric(), snapshot), snapshot, &inventory), inventory)
    }

    pub async fn plan(&self, snapshot: &Snapshot) -> (Plan, Inventory) {
        let (comparison, inventory) = self.compare(snapshot).await;
        let name = fabric().name;
        (Plan::new(&name, &comparison, &inventory, &self.policy, &self.quarantine, self.now), inventory)
    }

    pub async fn apply(&self, plan: &Plan, inventory: &Inventory) -> Applied {
        let options = RunOptions {
            message: "run 1",
            now: self.now,
            may_write: &|| Permit::Granted,
            is_outdated: &|| false,
        };
        self.netbox.apply(plan, inventory, &options, &mut |_, _| {}).await
    }

    /// Plans and writes; everything must go well.
    pub async fn sync(&self, objects: &Objects) -> Plan {
        let (plan, inventory) = self.plan(&objects.snapshot(&[])).await;
        let applied = self.apply(&plan, &inventory).await;
        let failed: Vec<_> = plan
            .changes
            .iter()
            .zip(&applied.outcomes)
            .filter(|(_, o)| **o != fabric_netbox::Outcome::Written)
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
        plan
    }

    pub fn wait(&mut self, hours: i64) {
        self.pass(SignedDuration::from_hours(hours));
    }

    pub fn pass(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).unwrap();
    }

    /// A client of its own, which gives up after `deadline`.
    pub fn impatient(&self, deadline: Duration) -> NetBox {
        let mut options = Options::new(self.fake.url(), self.token.path().into());
        options.deadline = deadline;
        options.requests_per_second = 100_000;
        NetBox::new(options).unwrap()
    }
}
