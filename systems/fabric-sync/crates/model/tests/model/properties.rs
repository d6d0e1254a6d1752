//! What holds of every fabric: convergence, order, no deletion on a list that is not whole, nothing lost.

use crate::fabrics::{Specs, fabric, object, snapshot, specs};
use crate::inventory::ModelNetBox;
use fabric_model::plan::DeleteReason;
use fabric_model::{
    Action, Change, Comparison, Inventory, Kind, ObjectKind, Plan, Policy, Quarantine, Snapshot, SourceRef,
    Status, Summary, UnknownReason, Unread, UnreadCause, map_fabric,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// Deletes at once and whatever vanishes, so that the properties see deletions.
fn eager() -> Policy {
    Policy { grace: SignedDuration::ZERO, confirmed: true, ..Policy::default() }
}

fn plan(snapshot: &Snapshot, inventory: &Inventory, policy: &Policy) -> (Plan, Comparison) {
    let comparison = Comparison::new(map_fabric(&fabric(), snapshot), snapshot, inventory);
    (Plan::new(&fabric().name, &comparison, inventory, policy, &Quarantine::default(), now()), comparison)
}

fn sync(netbox: &mut ModelNetBox, specs: &Specs) -> Plan {
    let (plan, _) = plan(&snapshot(specs), &netbox.inventory(&[]), &eager());
    netbox.apply(&plan, now());
    plan
}

/// Whether what is written on what is known is what would be written if everything were, but for fields that rest on what is
/// not known: a port's VLANs where no namespace of VLANs could be read.
fn is_part(change: &Change, whole: &Change) -> bool {
    let written = match (&change.action, &whole.action) {
        (Action::Create { fields }, Action::Create { fields: all }) => {
            fields.iter().all(|(name, value)| all.get(name) == Some(value))
        }
        (Action::Update { id, differences }, Action::Update { id: same, differences: all }) => {
            id == same && differences.iter().all(|one| all.contains(one))
        }
        (action, other) => action == other,
    };
    written && (&change.object, &change.source) == (&whole.object, &whole.source)
}

fn is_deletion(action: &Action) -> bool {
    matches!(action, Action::Delete { .. } | Action::Mark { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_do(specs in specs()) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &specs);
        let (again, comparison) = plan(&snapshot(&specs), &netbox.inventory(&[]), &eager());
        prop_assert!(again.is_empty(), "{:#?}", again.changes);
        prop_assert!(comparison.objects.iter().all(|object| object.status == Status::Same));
        let expected = if again.problems.is_empty() { Summary::InSync } else { Summary::OutOfSync };
        prop_assert_eq!(comparison.summary(), expected);
    }

    /// The model NetBox panics at anything left dangling and at two cables in one port.
    #[test]
    fn any_fabric_becomes_any_other_without_leaving_anything_dangling(before in specs(), after in specs()) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        sync(&mut netbox, &after);
        // What one of two swapped objects held is free only after the first round.
        sync(&mut netbox, &after);
        let (again, _) = plan(&snapshot(&after), &netbox.inventory(&[]), &eager());
        prop_assert!(again.is_empty(), "{:#?}", again.changes);
    }

    #[test]
    fn nothing_is_deleted_or_marked_while_a_list_is_not_whole(
        before in specs(),
        after in specs(),
        sources in prop::collection::btree_set(prop::sample::select(Kind::intended().collect::<Vec<_>>()), 0..3),
        lists in prop::collection::btree_set(prop::sample::select(ObjectKind::ALL.to_vec()), 0..3),
        grace in any::<bool>(),
    ) {
        prop_assume!(!sources.is_empty() || !lists.is_empty());
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        let mut seen = snapshot(&after);
        for kind in &sources {
            seen.insert(*kind, Err(Unread::new(UnreadCause::Forbidden, "")));
        }
        let unread: Vec<_> = lists.iter().map(|kind| (*kind, Unread::new(UnreadCause::Cut, ""))).collect();
        let policy = if grace { Policy::default() } else { eager() };
        let (plan, comparison) = plan(&seen, &netbox.inventory(&unread), &policy);
        let deletions: Vec<_> = plan.changes.iter().filter(|change| is_deletion(&change.action)).collect();
        prop_assert!(deletions.is_empty(), "{:#?}", deletions);
        prop_assert_eq!(comparison.summary(), Summary::Unknown);
    }

    #[test]
    fn what_rests_on_an_unread_kind_is_unknown_and_not_written(before in specs(), after in specs(), kind in prop::sample::select(Kind::intended().collect::<Vec<_>>())) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        let mut seen = snapshot(&after);
        seen.insert(kind, Err(Unread::new(UnreadCause::KindMissing, "")));
        let (partial, comparison) = plan(&seen, &netbox.inventory(&[]), &eager());
        let (whole, _) = plan(&snapshot(&after), &netbox.inventory(&[]), &eager());
        for change in &partial.changes {
            prop_assert!(whole.changes.iter().any(|other| is_part(change, other)), "{change:#?}");
        }
        prop_assert!(comparison.objects.iter().all(|object| object.status != Status::Extra));
    }

    #[test]
    fn two_plans_of_the_same_state_are_the_same_and_a_changed_one_is_refused(before in specs(), after in specs()) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        let (one, _) = plan(&snapshot(&after), &netbox.inventory(&[]), &eager());
        let (other, _) = plan(&snapshot(&after), &netbox.inventory(&[]), &eager());
        prop_assert_eq!(&one, &other);
        let text = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(&Plan::parse(&text).unwrap(), &one);
        let mut changed = one.clone();
        if changed.changes.pop().is_some() {
            prop_assert!(Plan::parse(&serde_json::to_string(&changed).unwrap()).is_err());
        }
    }

    #[test]
    fn a_field_that_nobody_knows_is_kept_and_reported(specs in specs(), value in "[a-z]{1,8}") {
        let mut extended = specs;
        for spec in extended.values_mut() {
            spec["brandNew"] = json!({"inner": [value.clone()]});
        }
        let desired = map_fabric(&fabric(), &snapshot(&extended));
        for (kind, name) in extended.keys() {
            let source = SourceRef::new(*kind, "default", name);
            let found: Vec<_> = desired.unrepresented.iter().filter(|each| each.source == source && each.path == "spec.brandNew").collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert!(!found[0].is_known);
            prop_assert_eq!(&found[0].value, &json!({"inner": [value.clone()]}));
            let is_mapped = desired.problems.iter().all(|problem| problem.source.as_ref() != Some(&source));
            let keeps = desired.objects.iter().any(|object| object.fields.values().any(|field| {
                matches!(field, fabric_model::FieldValue::Json(Value::Object(kept)) if kept.get(&source.to_string()).is_some_and(|kept| kept["brandNew"] == found[0].value))
            }));
            prop_assert_eq!(keeps, found[0].is_kept, "{}", &source);
            // Where an object leaves open what it keeps, one with a problem would belong there: that stays as it is.
            let is_open = desired.objects.iter().any(|object| !object.identity.kind.is_shared() && !object.fields.contains_key("custom_fields.fabric_sync_spec"));
            prop_assert!(if is_mapped { keeps || is_open } else { !keeps }, "{}: {:#?}", &source, desired.problems);
        }
    }

    /// The API server's schema is no promise: any JSON may stand in a specification.
    #[test]
    fn no_specification_brings_the_mapping_down(kind in prop::sample::select(Kind::ALL.to_vec()), text in "[ -~]{0,12}", number in any::<i64>(), specs in specs()) {
        for hostile in [json!(text), json!(number), json!([text]), json!({"links": number}), Value::Null] {
            let mut seen = snapshot(&specs);
            let mut objects: Vec<Value> = Vec::new();
            for field in ["ip", "ranges", "subnets", "fabric", "unbundled", "permit", "subnet", "connection", "switch", "catalog"] {
                objects.push(object(&format!("hostile-{field}"), &json!({field: hostile})));
            }
            objects.push(json!({"metadata": hostile}));
            objects.push(hostile.clone());
            seen.insert(kind, Ok(("1".into(), objects)));
            map_fabric(&fabric(), &seen);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The model NetBox panics at two cables in one port.
    #[test]
    fn no_cable_is_deleted_for_one_that_does_not_come(before in specs(), after in specs(), protected in any::<u8>()) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        let mut inventory = netbox.inventory(&[]);
        let mut cables = inventory.objects(ObjectKind::Cable).to_vec();
        for (at, cable) in cables.iter_mut().enumerate() {
            cable.protected = protected >> (at % 8) & 1 == 1;
        }
        inventory.insert(ObjectKind::Cable, Ok(cables.clone()));
        let (plan, _) = plan(&snapshot(&after), &inventory, &eager());
        netbox.apply(&plan, now());
        for (at, change) in plan.changes.iter().enumerate() {
            let Action::Delete { id, reason } = &change.action else { continue };
            let heir = match reason {
                DeleteReason::SourceGone => continue,
                DeleteReason::Rewired => &change.object,
                DeleteReason::Superseded(by) => by,
            };
            let comes = plan.changes[at..].iter().any(|later| later.object == *heir && matches!(later.action, Action::Create { .. }));
            prop_assert!(comes, "{:#?}", plan.changes);
            prop_assert!(cables.iter().all(|cable| cable.id != *id || !cable.protected));
        }
    }

    #[test]
    fn without_the_agents_nothing_is_called_in_sync_and_only_what_rests_on_them_waits(before in specs(), after in specs()) {
        let mut netbox = ModelNetBox::default();
        sync(&mut netbox, &before);
        let mut seen = snapshot(&after);
        seen.insert(Kind::Agent, Err(Unread::new(UnreadCause::Forbidden, "")));
        let (partial, comparison) = plan(&seen, &netbox.inventory(&[]), &eager());
        let (whole, _) = plan(&snapshot(&after), &netbox.inventory(&[]), &eager());
        prop_assert_eq!(comparison.summary(), Summary::Unknown);
        prop_assert!(comparison.unread_sources.contains_key(&Kind::Agent));
        let rests = |kind| matches!(kind, ObjectKind::L2vpn | ObjectKind::L2vpnTermination);
        for compared in comparison.objects.iter().filter(|compared| comparison.desired.find(&compared.object).is_some()) {
            let unknown = compared.status == Status::Unknown(UnknownReason::SourceUnread(Kind::Agent));
            prop_assert_eq!(unknown, rests(compared.object.kind), "{:?}", compared);
        }
        let others = |plan: &Plan| plan.changes.iter().filter(|change| !rests(change.object.kind)).cloned().collect::<Vec<_>>();
        prop_assert_eq!(others(&partial), others(&whole));
    }
}
