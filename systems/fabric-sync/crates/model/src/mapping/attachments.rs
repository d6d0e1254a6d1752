//! What is attached to which connection: VLANs of VPCs' subnets on the switches' ports and LAGs.

use super::Mapper;
use super::connections::{Wired, Wiring};
use super::names::split_path;
use super::vpcs::vlan_identity;
use crate::desired::ProblemKind;
use crate::netbox::ObjectKind;
use crate::source::spec::{Spec, VpcAttachment};
use crate::source::{Kind, SourceRef};

pub(super) fn map(mapper: &mut Mapper<'_>, wiring: &mut Wiring) {
    wiring.unnamed_attachment = mapper.is_uncertain(Kind::VPCAttachment);
    for object in mapper.objects_of(Kind::VPCAttachment) {
        let Spec::VPCAttachment(attachment) = &object.spec else { continue };
        let source = &object.reference;
        if let Err(problem) = attach(mapper, wiring, source, attachment) {
            let connection = connection(source, attachment);
            wiring.carried.entry(connection).or_default().uncertain = true;
            mapper.report(source, problem);
        }
    }
}

fn connection(source: &SourceRef, attachment: &VpcAttachment) -> SourceRef {
    SourceRef::new(Kind::Connection, &source.namespace, &attachment.connection)
}

fn attach(
    mapper: &Mapper<'_>,
    wiring: &mut Wiring,
    source: &SourceRef,
    attachment: &VpcAttachment,
) -> Result<(), ProblemKind> {
    let connection = connection(source, attachment);
    mapper.find(&connection, "spec.connection")?;
    if !wiring.connections.get(&connection).is_some_and(Wired::is_server_facing) {
        let target = format!("{connection} as a connection to a server");
        return Err(ProblemKind::TargetMissing { field: "spec.connection".into(), target });
    }
    let (vpc, subnet) = split_path("spec.subnet", &attachment.subnet)?;
    let vpc = SourceRef::new(Kind::VPC, &source.namespace, vpc);
    let Spec::VPC(spec) = &mapper.find(&vpc, "spec.subnet")?.spec else { return Ok(()) };
    let Some(found) = spec.subnets.get(subnet) else {
        let target = format!("{vpc} with a subnet {subnet}");
        return Err(ProblemKind::TargetMissing { field: "spec.subnet".into(), target });
    };
    let carried = wiring.carried.entry(connection).or_default();
    carried.sources.insert(source.clone());
    if found.vlan == 0 {
        return Ok(());
    }
    let vlan = vlan_identity(mapper, &vpc, subnet);
    if !attachment.native_vlan {
        carried.tagged.insert(vlan);
    } else if let Some((_, other)) = &carried.untagged {
        let object = mapper.own(ObjectKind::Interface, &format!("{}'s untagged VLAN", attachment.connection));
        return Err(ProblemKind::SameObject { object, other: other.clone() });
    } else {
        carried.untagged = Some((vlan, source.clone()));
    }
    Ok(())
}
