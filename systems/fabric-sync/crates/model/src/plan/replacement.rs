//! Cables that are replaced: NetBox has no port with two, so what is plugged in goes before its port is taken, and goes only if what
//! takes the port comes.

use super::build::Builder;
use super::deletion::deleted;
use super::{Action, Change, DeleteReason, HoldReason};
use crate::comparison::{Compared, Difference};
use crate::desired::DesiredObject;
use crate::netbox::ObjectKind;
use std::collections::BTreeMap;

/// Whether a cable's ends are among `differences`.
pub(super) fn is_rewired(differences: &[Difference]) -> bool {
    differences.iter().any(|each| each.field.ends_with("_terminations"))
}

impl Builder<'_> {
    /// Decides over all cables. One that leaves its ports may be held back itself: then those that want its ports are decided anew.
    pub(super) fn decide_cables(&mut self, cables: &[(&Compared, &DesiredObject)]) {
        let (writes, held) = (self.writes.len(), self.held.len());
        let mut staying = BTreeMap::new();
        loop {
            let before = staying.len();
            for (at, (compared, desired)) in cables.iter().enumerate() {
                if !staying.contains_key(&at)
                    && !self.decide(compared, desired)
                    && compared.id.is_some_and(|id| self.rewired.remove(&id).is_some())
                {
                    staying.insert(at, self.held.pop());
                }
            }
            if staying.len() == before {
                self.held.extend(staying.into_values().flatten());
                return;
            }
            self.writes.truncate(writes);
            self.held.truncate(held);
            self.freed.clear();
        }
    }

    /// The deletions by which the ports where `desired`, a cable, goes become free: of our own cables that nothing asks for any more, and of
    /// those that leave. `own` is its present number.
    pub(super) fn free_ports(
        &self,
        desired: &DesiredObject,
        own: Option<u64>,
    ) -> Result<Vec<Change>, HoldReason> {
        if desired.identity.kind != ObjectKind::Cable {
            return Ok(Vec::new());
        }
        let mut freed: Vec<Change> = Vec::new();
        for port in desired.references() {
            let Some(cable) = self.inventory.find(port).and_then(|port| port.field("cable").as_u64()) else {
                continue;
            };
            let is_freed = |change: &Change| deleted(change) == Some((ObjectKind::Cable, cable));
            if own == Some(cable) || self.freed.contains(&cable) || freed.iter().any(is_freed) {
                continue;
            }
            let delete = |compared: &Compared, reason| Change {
                object: compared.object.clone(),
                source: compared.source.clone(),
                action: Action::Delete { id: cable, reason },
            };
            if let Some(leaving) = self.rewired.get(&cable) {
                freed.push(delete(leaving, DeleteReason::Rewired));
                continue;
            }
            let actual = self.inventory.find_id(ObjectKind::Cable, cable);
            match (self.extra.get(&(ObjectKind::Cable, cable)), actual) {
                (Some(extra), Some(actual)) if !actual.protected && !actual.paused => {
                    freed.push(delete(extra, DeleteReason::Superseded(desired.identity.clone())));
                }
                (_, ours) => {
                    let port = port.clone();
                    return Err(match ours.and_then(crate::Actual::identity) {
                        Some(cable) => HoldReason::PortKept { port, cable },
                        None => HoldReason::PortTaken { port, cable },
                    });
                }
            }
        }
        Ok(freed)
    }
}
