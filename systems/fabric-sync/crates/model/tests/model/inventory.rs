//! A NetBox of a few lines: it does what a plan says and refuses, by panicking, what NetBox would refuse or what would leave something
//! dangling.

use fabric_model::netbox::TOMBSTONE_FIELD;
use fabric_model::netbox::custom;
use fabric_model::{Action, Actual, Identity, Inventory, ObjectKind, Plan, Unread};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Clone, Default)]
pub struct ModelNetBox {
    objects: BTreeMap<(ObjectKind, u64), Map<String, Value>>,
    last: u64,
}

impl ModelNetBox {
    pub fn inventory(&self, unread: &[(ObjectKind, Unread)]) -> Inventory {
        let mut inventory = Inventory::new();
        for kind in ObjectKind::ALL {
            let list = self
                .objects
                .range((kind, 0)..=(kind, u64::MAX))
                .map(|((_, id), fields)| self.actual(kind, *id, fields));
            inventory.insert(kind, Ok(list.collect()));
        }
        for (kind, why) in unread {
            inventory.insert(*kind, Err(why.clone()));
        }
        inventory
    }

    fn actual(&self, kind: ObjectKind, id: u64, fields: &Map<String, Value>) -> Actual {
        let mut object = fields.clone();
        object.insert("id".into(), id.into());
        object.entry("custom_fields").or_insert_with(|| json!({}));
        object.entry("tags").or_insert_with(|| json!([]));
        if kind == ObjectKind::DeviceType {
            object.insert("manufacturer".into(), json!({"id": fields["manufacturer"], "slug": "hedgehog"}));
        }
        if kind == ObjectKind::Interface {
            let cable = self.cable_at(id).map_or(Value::Null, |cable| json!({"id": cable}));
            object.insert("cable".into(), cable);
        }
        for field in kind.fields() {
            object.entry(*field).or_insert(Value::Null);
        }
        Actual::read(kind, Value::Object(object)).unwrap()
    }

    pub fn apply(&mut self, plan: &Plan, now: Timestamp) {
        let before = self.inventory(&[]);
        let mut numbers: BTreeMap<Identity, u64> = BTreeMap::new();
        for change in &plan.changes {
            let kind = change.object.kind;
            let mut body = Map::new();
            let number =
                |identity: &Identity| numbers.get(identity).copied().or_else(|| before.number(identity));
            match &change.action {
                Action::Create { fields } => {
                    for (field, value) in fields {
                        value
                            .write(field, number, &mut body)
                            .unwrap_or_else(|missing| panic!("{missing} is not there for {change:?}"));
                    }
                    self.check(kind, None, &body);
                    self.last += 1;
                    self.objects.insert((kind, self.last), body);
                    numbers.insert(change.object.clone(), self.last);
                }
                Action::Update { id, differences } => {
                    let id = id.or_else(|| number(&change.object)).expect("what is updated is there");
                    for each in differences {
                        each.desired
                            .write(&each.field, number, &mut body)
                            .unwrap_or_else(|missing| panic!("{missing} is not there for {change:?}"));
                    }
                    numbers.insert(change.object.clone(), id);
                    let mut fields = self.objects[&(kind, id)].clone();
                    merge(&mut fields, body);
                    self.check(kind, Some(id), &fields);
                    self.check_primary(kind, id, &fields);
                    self.objects.insert((kind, id), fields);
                }
                Action::Mark { id } => {
                    fabric_model::FieldValue::Text(now.to_string())
                        .write(&custom(TOMBSTONE_FIELD), number, &mut body)
                        .unwrap();
                    merge(self.objects.get_mut(&(kind, *id)).unwrap(), body);
                }
                Action::Delete { id, .. } => {
                    self.objects.remove(&(kind, *id)).expect("what is deleted is there");
                    for ((user, number), fields) in &self.objects {
                        let actual = self.actual(*user, *number, fields);
                        // NetBox takes a device's primary address away by itself.
                        assert!(
                            !actual.references().contains(&(kind, *id)),
                            "{user} {number} is left without {}",
                            change.object
                        );
                    }
                }
            }
        }
    }

    fn check(&self, kind: ObjectKind, own: Option<u64>, fields: &Map<String, Value>) {
        if kind != ObjectKind::Cable {
            return;
        }
        for end in ends(fields) {
            assert!(self.objects.contains_key(&(ObjectKind::Interface, end)));
            let other = self.cable_at(end).filter(|other| Some(*other) != own);
            assert_eq!(other, None, "two cables at interface {end}");
        }
    }

    /// An address stays with the device whose primary one it is.
    fn check_primary(&self, kind: ObjectKind, id: u64, after: &Map<String, Value>) {
        let device = |address: &Map<String, Value>| {
            let interface = address.get("assigned_object_id").and_then(Value::as_u64)?;
            self.objects.get(&(ObjectKind::Interface, interface))?.get("device")?.as_u64()
        };
        let (before, after) = (device(&self.objects[&(kind, id)]), device(after));
        let holder = before.and_then(|device| self.objects.get(&(ObjectKind::Device, device)));
        let is_primary = holder.is_some_and(|holder| holder.get("primary_ip4") == Some(&id.into()));
        assert!(
            kind != ObjectKind::IpAddress || !is_primary || before == after,
            "address {id} is a primary one"
        );
    }

    fn cable_at(&self, interface: u64) -> Option<u64> {
        let cables = self.objects.range((ObjectKind::Cable, 0)..=(ObjectKind::Cable, u64::MAX));
        cables.into_iter().find(|(_, fields)| ends(fields).contains(&interface)).map(|((_, id), _)| *id)
    }
}

fn ends(cable: &Map<String, Value>) -> Vec<u64> {
    let ends =
        ["a_terminations", "b_terminations"].into_iter().flat_map(|end| cable[end].as_array().unwrap());
    ends.map(|end| end["object_id"].as_u64().unwrap()).collect()
}

fn merge(fields: &mut Map<String, Value>, body: Map<String, Value>) {
    for (name, value) in body {
        match (fields.get_mut(&name), value) {
            (Some(Value::Object(custom)), Value::Object(more)) if name == "custom_fields" => {
                custom.extend(more);
            }
            (_, value) => drop(fields.insert(name, value)),
        }
    }
}
