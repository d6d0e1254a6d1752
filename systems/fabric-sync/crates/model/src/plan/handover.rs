//! Addresses that change hands: as long as an address is a device's primary one, NetBox gives it to no other device's interface
//! (netbox/ipam/models/ip.py, `IPAddress.clean`). So it is cleared there before.

use super::build::Builder;
use super::{Action, Change, HoldReason, Intent};
use crate::comparison::{Compared, Difference, Status};
use crate::netbox::{FieldValue, ObjectKind};
use serde_json::Value;

/// The field of a device that names its primary address.
const PRIMARY: &str = "primary_ip4";

impl Builder<'_> {
    /// Puts before each update that gives an address to another device a step in which the device that has it as its primary one lets it
    /// go; what that one is to have instead comes late, as always.
    pub(super) fn release_addresses(&mut self) {
        for change in std::mem::take(&mut self.writes) {
            match self.find_release(&change) {
                Ok(release) => {
                    release.iter().for_each(|release| self.note_release(release));
                    self.writes.extend(release.into_iter().chain([change]));
                }
                Err(reason) => {
                    self.withdrawn.insert(change.object.clone());
                    self.hold(change.object, change.source, Intent::Update, reason);
                }
            }
        }
    }

    /// The step before `change`, if it needs one.
    fn find_release(&self, change: &Change) -> Result<Option<Change>, HoldReason> {
        let Action::Update { id: Some(address), differences } = &change.action else { return Ok(None) };
        let mut moves = differences.iter().filter(|each| each.field == "assigned_object");
        let Some(to) = moves.next().filter(|_| change.object.kind == ObjectKind::IpAddress) else {
            return Ok(None);
        };
        let devices = self.inventory.objects(ObjectKind::Device);
        let Some(holder) = devices.iter().find(|device| device.field(PRIMARY).as_u64() == Some(*address))
        else {
            return Ok(None);
        };
        if self.find_device(to) == Some(holder.id) {
            return Ok(None);
        }
        let stays = HoldReason::StillReferenced { by: format!("{} {}", holder.kind, holder.display) };
        let mut compared = self.comparison.objects.iter();
        let is_holder = |compared: &&Compared| {
            compared.object.kind == ObjectKind::Device && compared.id == Some(holder.id)
        };
        let compared =
            compared.find(is_holder).filter(|compared| !matches!(compared.status, Status::Unknown(_)));
        let Some(compared) = compared.filter(|_| !holder.paused) else { return Err(stays) };
        let actual = holder.field(PRIMARY).clone();
        let difference = Difference { field: PRIMARY.into(), actual, desired: FieldValue::Empty };
        let action = Action::Update { id: Some(holder.id), differences: vec![difference] };
        let release = Change { object: compared.object.clone(), source: compared.source.clone(), action };
        match self.quarantine.hold(&release, self.now) {
            Some(entry) => Err(HoldReason::Quarantined(entry.clone())),
            None => Ok(Some(release)),
        }
    }

    /// The number of the device to whose interface an address is to go.
    fn find_device(&self, to: &Difference) -> Option<u64> {
        let interface = to.desired.references().into_iter().next()?;
        let device =
            self.comparison.desired.find(interface)?.fields.get("device")?.references().into_iter().next()?;
        self.comparison.objects.iter().find(|compared| compared.object == *device)?.id
    }

    /// What the late step of the same device finds then.
    fn note_release(&mut self, release: &Change) {
        self.late.retain_mut(|late| {
            let Action::Update { differences, .. } = &mut late.action else { return true };
            if late.object != release.object {
                return true;
            }
            differences.retain(|each| each.field != PRIMARY || each.desired != FieldValue::Empty);
            let primary = differences.iter_mut().filter(|each| each.field == PRIMARY);
            primary.for_each(|each| each.actual = Value::Null);
            !differences.is_empty()
        });
    }
}
