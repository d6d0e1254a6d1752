//! What the fake NetBox holds, and the rules of NetBox that a sync meets: unique values, references, dependants, dangling cables.

use axum::http::StatusCode;
use fabric_model::ObjectKind;
use fabric_model::netbox::{CUSTOM_FIELDS, KEY_FIELD, PAUSE_TAG, PROTECT_TAG, empty};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// The longest name of an interface, in characters, as in NetBox.
const MAX_INTERFACE_NAME: usize = 64;
/// The longest other name.
const MAX_NAME: usize = 100;

/// Why a write is refused.
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub body: Value,
}

type Written = Map<String, Value>;

/// Objects as they were written: references as numbers, choices as values.
#[derive(Default)]
pub(crate) struct Store {
    objects: BTreeMap<(ObjectKind, u64), Written>,
    last_id: u64,
    clock: u64,
    pub custom_fields: Vec<Value>,
    pub tags: Vec<Value>,
    /// The message of each change.
    pub changes: Vec<String>,
}

fn refuse<T>(body: Value) -> Result<T, Refusal> {
    Err(Refusal { status: StatusCode::BAD_REQUEST, body })
}

/// The kind whose numbers a field holds.
fn reference(kind: ObjectKind, field: &str) -> Option<ObjectKind> {
    match (kind, field) {
        (ObjectKind::Device, "role") => Some(ObjectKind::DeviceRole),
        (ObjectKind::Device, "primary_ip4") => Some(ObjectKind::IpAddress),
        (ObjectKind::Interface, "cable") => Some(ObjectKind::Cable),
        _ => ObjectKind::of_reference(field),
    }
}

fn is_choice(kind: ObjectKind, field: &str) -> bool {
    matches!(field, "status" | "mode")
        || field == "type"
        || (field == "role" && kind == ObjectKind::IpAddress)
}

fn is_list(field: &str) -> bool {
    matches!(field, "import_targets" | "export_targets" | "tagged_vlans")
}

/// Fields of which each combination is there once.
fn unique(kind: ObjectKind) -> &'static [&'static [&'static str]] {
    match kind {
        ObjectKind::Device => &[&["site", "name"]],
        ObjectKind::Interface => &[&["device", "name"]],
        ObjectKind::Vlan => &[&["group", "vid"], &["group", "name"]],
        ObjectKind::RouteTarget => &[&["name"]],
        ObjectKind::Asn => &[&["asn"]],
        ObjectKind::ProviderNetwork => &[&["provider", "name"]],
        ObjectKind::L2vpnTermination => &[&["assigned_object_type", "assigned_object_id"]],
        ObjectKind::Prefix => &[&["vrf", "prefix"]],
        ObjectKind::VlanGroup => &[&["scope_type", "scope_id", "slug"]],
        ObjectKind::DeviceType => &[&["manufacturer", "slug"]],
        ObjectKind::IpAddress => &[&["vrf", "address"]],
        ObjectKind::Vrf | ObjectKind::Cable | ObjectKind::IpRange => &[],
        ObjectKind::Site
        | ObjectKind::Manufacturer
        | ObjectKind::DeviceRole
        | ObjectKind::Rir
        | ObjectKind::Provider
        | ObjectKind::L2vpn => &[&["slug"], &["name"]],
    }
}

impl Store {
    /// Our custom fields and tags.
    pub(crate) fn prepare(&mut self) {
        self.custom_fields = CUSTOM_FIELDS.iter().map(fabric_model::netbox::CustomField::body).collect();
        self.tags = [PROTECT_TAG, PAUSE_TAG].map(|slug| json!({"name": slug, "slug": slug})).into();
    }

    pub(crate) fn objects(&self, kind: ObjectKind) -> Vec<Value> {
        let attached = self.attached(kind);
        let range = self.objects.range((kind, 0)..=(kind, u64::MAX));
        range.map(|((kind, id), written)| self.render(*kind, *id, written, &attached)).collect()
    }

    pub(crate) fn object(&self, kind: ObjectKind, id: u64) -> Option<Value> {
        let written = self.objects.get(&(kind, id))?;
        Some(self.render(kind, id, written, &self.attached(kind)))
    }

    /// Whether a list with these parameters has `object`. A parameter that is no filter selects everything.
    pub(crate) fn is_selected(&self, object: &Value, query: &[(String, String)]) -> bool {
        let has_field = |name: &str| {
            self.custom_fields
                .iter()
                .any(|field| field["name"] == name && field["filter_logic"] != "disabled")
        };
        let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in query {
            filters.entry(name).or_default().push(value);
        }
        filters.into_iter().all(|(name, values)| {
            if let Some(custom) = name.strip_prefix("cf_") {
                let (custom, is_start) =
                    custom.strip_suffix("__isw").map_or((custom, false), |name| (name, true));
                let held = object["custom_fields"][custom].as_str().unwrap_or_default();
                let is_it = |value: &&str| {
                    if is_start {
                        held.to_lowercase().starts_with(&value.to_lowercase())
                    } else {
                        held == *value
                    }
                };
                return !has_field(custom) || values.iter().any(is_it);
            }
            let field = name.strip_suffix("_id").unwrap_or(name);
            let known = matches!(name, "name" | "slug" | "asn" | "vid" | "address" | "prefix")
                || (name.ends_with("_id") && object.get(field).is_some());
            let held = object.get(field).map(|value| value.get("id").unwrap_or(value));
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            !known || held.map(text).is_some_and(|held| values.contains(&held.as_str()))
        })
    }

    pub(crate) fn create(&mut self, kind: ObjectKind, body: Value) -> Result<Value, Refusal> {
        let Value::Object(body) = body else { return refuse(json!({"non_field_errors": ["Invalid data."]})) };
        let message = body.get("changelog_message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let written = self.merge(kind, Map::new(), body)?;
        self.check(kind, None, &written)?;
        self.last_id += 1;
        let id = self.last_id;
        self.objects.insert((kind, id), written);
        self.touch(kind, id);
        self.changes.push(message);
        Ok(self.object(kind, id).unwrap_or_default())
    }

    /// All or none.
    pub(crate) fn create_all(&mut self, kind: ObjectKind, bodies: Vec<Value>) -> Result<Vec<Value>, Refusal> {
        let (objects, changes) = (self.objects.clone(), self.changes.len());
        let created: Result<Vec<Value>, Refusal> =
            bodies.into_iter().map(|body| self.create(kind, body)).collect();
        if created.is_err() {
            self.objects = objects;
            self.changes.truncate(changes);
        }
        created
    }

    pub(crate) fn change(&mut self, kind: ObjectKind, id: u64, body: Value) -> Result<Value, Refusal> {
        let Some(before) = self.objects.get(&(kind, id)).cloned() else {
            return Err(Refusal { status: StatusCode::NOT_FOUND, body: json!({"detail": "Not found."}) });
        };
        let Value::Object(body) = body else { return refuse(json!({"non_field_errors": ["Invalid data."]})) };
        let message = body.get("changelog_message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let written = self.merge(kind, before.clone(), body)?;
        self.check(kind, Some(id), &written)?;
        self.check_reassignment(kind, id, &before, &written)?;
        if written != before {
            self.changes.push(message);
        }
        self.objects.insert((kind, id), written);
        self.touch(kind, id);
        Ok(self.object(kind, id).unwrap_or_default())
    }

    pub(crate) fn delete(&mut self, kind: ObjectKind, id: u64) -> Result<(), Refusal> {
        let not_found = Refusal { status: StatusCode::NOT_FOUND, body: json!({"detail": "Not found."}) };
        self.objects.get(&(kind, id)).ok_or(not_found)?;
        let users: Vec<(ObjectKind, u64)> = self
            .objects
            .iter()
            .filter(|((user, _), written)| {
                written.iter().any(|(field, value)| self.names(*user, field, value, kind, id))
            })
            .map(|(place, _)| *place)
            .collect();
        let protects = |user: ObjectKind| {
            matches!(
                (kind, user),
                (ObjectKind::Vrf, ObjectKind::Prefix | ObjectKind::IpAddress | ObjectKind::IpRange)
                    | (ObjectKind::Vlan, ObjectKind::Prefix)
                    | (ObjectKind::VlanGroup, ObjectKind::Vlan)
                    | (ObjectKind::Interface, ObjectKind::Interface)
                    | (ObjectKind::Site, _)
            )
        };
        let dependants: Vec<String> = users
            .iter()
            .filter(|(user, _)| protects(*user))
            .map(|(user, id)| format!("{user} ({id})"))
            .collect();
        // A LAG's members merely leave it.
        let blocking = dependants.iter().filter(|_| kind != ObjectKind::Interface || self.has_child(id));
        let blocking: Vec<&String> = blocking.collect();
        if !blocking.is_empty() {
            let detail = format!("Unable to delete object. {} dependent objects were found", blocking.len());
            return Err(Refusal { status: StatusCode::CONFLICT, body: json!({"detail": detail}) });
        }
        self.objects.remove(&(kind, id));
        for (user, number) in users {
            let cascades = matches!(
                (kind, user),
                (ObjectKind::Device, ObjectKind::Interface)
                    | (ObjectKind::Interface, ObjectKind::IpAddress)
                    | (ObjectKind::L2vpn, ObjectKind::L2vpnTermination)
                    | (ObjectKind::Vlan, ObjectKind::L2vpnTermination)
            );
            if cascades {
                let _ = self.delete(user, number);
            } else if let Some(written) = self.objects.get_mut(&(user, number)) {
                for (field, value) in written.iter_mut() {
                    match value {
                        // A cable keeps its other end.
                        Value::Array(ends) if field.ends_with("_terminations") => ends.retain(|end| {
                            end["object_id"].as_u64() != Some(id) || kind != ObjectKind::Interface
                        }),
                        Value::Array(numbers) if is_list(field) => {
                            numbers.retain(|each| each.as_u64() != Some(id));
                        }
                        other if reference(user, field) == Some(kind) && other.as_u64() == Some(id) => {
                            *other = Value::Null;
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// The same object once more, unique or not; its number.
    pub(crate) fn duplicate(&mut self, kind: ObjectKind, id: u64) -> u64 {
        let Some(copy) = self.objects.get(&(kind, id)).cloned() else { return 0 };
        self.last_id += 1;
        self.objects.insert((kind, self.last_id), copy);
        self.touch(kind, self.last_id);
        self.last_id
    }

    /// Another object of the last one's kind: what somebody creates between two pages.
    pub(crate) fn duplicate_last(&mut self, kind: ObjectKind) {
        let last = self.objects.range((kind, 0)..=(kind, u64::MAX)).next_back();
        let Some(mut copy) = last.map(|(_, written)| written.clone()) else { return };
        self.last_id += 1;
        let id = self.last_id;
        copy.insert("custom_fields".into(), json!({}));
        copy.insert("name".into(), format!("copy-{id}").into());
        self.objects.insert((kind, id), copy);
        self.touch(kind, id);
    }

    fn has_child(&self, interface: u64) -> bool {
        self.objects.iter().any(|((kind, _), written)| {
            *kind == ObjectKind::Interface && written.get("parent").and_then(Value::as_u64) == Some(interface)
        })
    }

    fn names(&self, user: ObjectKind, field: &str, value: &Value, kind: ObjectKind, id: u64) -> bool {
        match value {
            Value::Array(ends) if field.ends_with("_terminations") => {
                ends.iter().any(|end| end["object_type"] == kind.content_type() && end["object_id"] == id)
            }
            Value::Array(numbers) => reference(user, field) == Some(kind) && numbers.contains(&id.into()),
            _ if field == "assigned_object_id" => {
                *value == id
                    && (user == ObjectKind::IpAddress) == (kind == ObjectKind::Interface)
                    && matches!(kind, ObjectKind::Interface | ObjectKind::Vlan)
            }
            _ => reference(user, field) == Some(kind) && *value == id,
        }
    }

    /// Only fields that this kind has; the others are swallowed.
    fn merge(&self, kind: ObjectKind, mut written: Written, body: Written) -> Result<Written, Refusal> {
        for (field, value) in body {
            match (field.as_str(), value) {
                ("custom_fields", Value::Object(custom)) => {
                    let mut held = written.remove("custom_fields").unwrap_or_else(|| json!({}));
                    for (name, value) in custom {
                        if !self.custom_fields.iter().any(|field| field["name"] == name.as_str()) {
                            return refuse(json!({"custom_fields": [format!("Unknown field name: {name}")]}));
                        }
                        held[name] = value;
                    }
                    written.insert("custom_fields".into(), held);
                }
                ("tags", tags) => drop(written.insert("tags".into(), tags)),
                ("cable", _) => {}
                (_, value) if kind.fields().contains(&field.as_str()) || is_known_beside(&field) => {
                    written.insert(field, value);
                }
                _ => {}
            }
        }
        Ok(written)
    }

    /// An address stays with the device whose primary one it is.
    fn check_reassignment(
        &self,
        kind: ObjectKind,
        id: u64,
        before: &Written,
        after: &Written,
    ) -> Result<(), Refusal> {
        let device = |address: &Written| {
            let interface = address.get("assigned_object_id").and_then(Value::as_u64)?;
            self.objects.get(&(ObjectKind::Interface, interface))?.get("device")?.as_u64()
        };
        let holder = device(before).and_then(|device| self.objects.get(&(ObjectKind::Device, device)));
        let is_primary = holder.and_then(|holder| holder.get("primary_ip4")?.as_u64()) == Some(id);
        if kind == ObjectKind::IpAddress && is_primary && device(before) != device(after) {
            let why =
                "Cannot reassign IP address while it is designated as the primary IP for the parent object";
            return refuse(json!({"assigned_object": [why]}));
        }
        Ok(())
    }

    fn check(&self, kind: ObjectKind, own: Option<u64>, written: &Written) -> Result<(), Refusal> {
        let text = |field: &str| written.get(field).and_then(Value::as_str);
        for field in ["name", "slug", "label"] {
            let longest = if kind == ObjectKind::Interface { MAX_INTERFACE_NAME } else { MAX_NAME };
            if text(field).is_some_and(|text| text.chars().count() > longest) {
                let why = format!("Ensure this field has no more than {longest} characters.");
                return refuse(json!({field: [why]}));
            }
        }
        for (field, value) in written {
            if value.is_null() && !empty(field).is_null() {
                return refuse(json!({field: ["This field may not be null."]}));
            }
        }
        for (field, value) in written {
            let Some(target) = reference(kind, field) else { continue };
            let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            if numbers.iter().filter_map(Value::as_u64).any(|id| !self.objects.contains_key(&(target, id))) {
                return refuse(json!({field: [format!("Related object not found: {value}")]}));
            }
        }
        let others = || {
            let range = self.objects.range((kind, 0)..=(kind, u64::MAX));
            range.filter(|((_, id), _)| Some(*id) != own).map(|(place, written)| (place.1, written))
        };
        let key = written
            .get("custom_fields")
            .and_then(|custom| custom.get(KEY_FIELD))
            .filter(|key| !key.is_null());
        for (id, other) in others() {
            if let Some(key) = key
                && other.get("custom_fields").and_then(|custom| custom.get(KEY_FIELD)) == Some(key)
            {
                return refuse(
                    json!({"custom_fields": {KEY_FIELD: [format!("must have a unique value ({id})")]}}),
                );
            }
            for fields in unique(kind) {
                if fields
                    .iter()
                    .all(|field| other.get(*field).is_some() && other.get(*field) == written.get(*field))
                {
                    let why = format!("The fields {} must make a unique set.", fields.join(", "));
                    return refuse(json!({"non_field_errors": [why]}));
                }
            }
        }
        if kind == ObjectKind::Vlan
            && let Some(group) = written.get("group").and_then(Value::as_u64)
            && let Some(group) = self.objects.get(&(ObjectKind::VlanGroup, group))
        {
            let vid = written.get("vid").and_then(Value::as_u64);
            let ranges = group.get("vid_ranges").and_then(Value::as_array).into_iter().flatten();
            if !ranges.clone().any(|range| range[0].as_u64() <= vid && vid <= range[1].as_u64()) {
                return refuse(
                    json!({"vid": [format!("VID must be in ranges {:?}", ranges.collect::<Vec<_>>())]}),
                );
            }
        }
        if kind == ObjectKind::Cable {
            for end in ends(written) {
                let interface = self.objects.get(&(ObjectKind::Interface, end));
                if interface.and_then(|interface| interface.get("type")).is_some_and(|kind| kind == "lag") {
                    return refuse(
                        json!({"__all__": ["Cables cannot be terminated to Link Aggregation Group (LAG) interfaces"]}),
                    );
                }
                if let Some((id, _)) = others().find(|(_, other)| ends(other).any(|other| other == end)) {
                    let why = format!("Duplicate termination found for dcim.interface {end}: cable {id}");
                    return refuse(json!({"__all__": [why]}));
                }
            }
        }
        Ok(())
    }

    fn touch(&mut self, kind: ObjectKind, id: u64) {
        self.clock += 1;
        let time = format!(
            "2026-01-01T00:{:02}:{:02}.{:06}Z",
            self.clock / 60_000_000 % 60,
            self.clock / 1_000_000 % 60,
            self.clock % 1_000_000
        );
        if let Some(written) = self.objects.get_mut(&(kind, id)) {
            written.insert("last_updated".into(), time.into());
        }
    }

    fn render(&self, kind: ObjectKind, id: u64, written: &Written, attached: &Attached) -> Value {
        let mut object = Map::new();
        object.insert("id".into(), id.into());
        object.insert("display".into(), display(written).into());
        object.insert("last_updated".into(), written.get("last_updated").cloned().unwrap_or_default());
        let mut custom = written.get("custom_fields").cloned().unwrap_or_else(|| json!({}));
        for field in &self.custom_fields {
            let name = field["name"].as_str().unwrap_or_default();
            if custom.get(name).is_none() {
                custom[name] = Value::Null;
            }
        }
        object.insert("custom_fields".into(), custom);
        object.insert("tags".into(), written.get("tags").cloned().unwrap_or_else(|| json!([])));
        for field in kind.fields().iter().copied().chain(["description", "comments"]) {
            let value = written.get(field).cloned().unwrap_or_default();
            let nested = |target, id: &Value| match id.as_u64() {
                Some(id) => {
                    let slug = self.objects.get(&(target, id)).and_then(|object| object.get("slug").cloned());
                    json!({"id": id, "slug": slug, "display": format!("{target} {id}")})
                }
                None => Value::Null,
            };
            let value = match (reference(kind, field), value) {
                (Some(ObjectKind::Cable), _) => {
                    attached.cables.get(&id).map_or(Value::Null, |cable| json!({"id": cable}))
                }
                (Some(target), Value::Array(ids)) => ids.iter().map(|id| nested(target, id)).collect(),
                (Some(_), Value::Null) if is_list(field) => json!([]),
                (Some(target), id) => nested(target, &id),
                (None, Value::Null) if field.ends_with("_terminations") => json!([]),
                (None, Value::String(choice)) if is_choice(kind, field) => {
                    json!({"value": choice, "label": choice})
                }
                (None, Value::Null)
                    if matches!(field, "description" | "serial" | "label" | "comments" | "service_id") =>
                {
                    "".into()
                }
                (None, Value::Null) if matches!(field, "mgmt_only" | "enforce_unique" | "mark_populated") => {
                    false.into()
                }
                (None, value) => value,
            };
            object.insert(field.into(), value);
        }
        let counts: &[&str] = match kind {
            ObjectKind::Device => &DEVICE_COUNTS,
            ObjectKind::Interface => &["count_fhrp_groups"],
            _ => &[],
        };
        for count in counts {
            object.insert((*count).into(), written.get(*count).cloned().unwrap_or_else(|| 0.into()));
        }
        if kind == ObjectKind::Interface {
            object
                .insert("count_ipaddresses".into(), attached.addresses.get(&id).copied().unwrap_or(0).into());
            object.insert("mac_addresses".into(), json!([]));
        }
        if matches!(kind, ObjectKind::Interface | ObjectKind::Vlan) {
            let termination = attached.terminations.get(&id).map(|termination| json!({"id": termination}));
            object.insert("l2vpn_termination".into(), termination.into());
        }
        Value::Object(object)
    }

    /// What is attached to each object of `kind`, for those who render them.
    fn attached(&self, kind: ObjectKind) -> Attached {
        let mut attached = Attached::default();
        if !matches!(kind, ObjectKind::Interface | ObjectKind::Vlan) {
            return attached;
        }
        for ((user, id), written) in &self.objects {
            let target = (written.get("assigned_object_type").and_then(Value::as_str)
                == Some(kind.content_type()))
            .then(|| written.get("assigned_object_id").and_then(Value::as_u64))
            .flatten();
            match (user, target) {
                (ObjectKind::Cable, _) => attached.cables.extend(ends(written).map(|end| (end, *id))),
                (ObjectKind::IpAddress, Some(target)) => *attached.addresses.entry(target).or_default() += 1,
                (ObjectKind::L2vpnTermination, Some(target)) => {
                    attached.terminations.insert(target, *id);
                }
                _ => {}
            }
        }
        attached
    }
}

/// By number of an interface or VLAN.
#[derive(Default)]
struct Attached {
    cables: HashMap<u64, u64>,
    addresses: HashMap<u64, u64>,
    terminations: HashMap<u64, u64>,
}

/// What else a device has, by count: written as a person's objects would change it.
const DEVICE_COUNTS: [&str; 9] = [
    "console_port_count",
    "console_server_port_count",
    "power_port_count",
    "power_outlet_count",
    "front_port_count",
    "rear_port_count",
    "device_bay_count",
    "module_bay_count",
    "inventory_item_count",
];

fn is_known_beside(field: &str) -> bool {
    matches!(field, "description" | "comments" | "status" | "count_fhrp_groups")
        || DEVICE_COUNTS.contains(&field)
}

fn ends(cable: &Written) -> impl Iterator<Item = u64> {
    ["a_terminations", "b_terminations"]
        .into_iter()
        .filter_map(|end| cable.get(end).and_then(Value::as_array))
        .flatten()
        .filter_map(|end| end["object_id"].as_u64())
}

fn display(written: &Written) -> String {
    let names = ["name", "label", "address", "prefix", "start_address", "asn", "model"];
    let value = names.iter().find_map(|name| written.get(*name));
    value.map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
