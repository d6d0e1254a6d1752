//! Namespaces: ranges of VLAN IDs as VLAN groups; ranges of addresses as containers, each namespace in a VRF of its own, since
//! namespaces may overlap.

use super::devices::put_site;
use super::names::{local_name, network, slug};
use super::{Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::{FieldValue, Identity, ObjectKind};
use crate::source::spec::{Ipv4Namespace, Spec, VlanNamespace};
use crate::source::{Kind, SourceRef};

pub(super) fn map(mapper: &mut Mapper<'_>) {
    for kind in [Kind::VLANNamespace, Kind::IPv4Namespace] {
        for object in mapper.objects_of(kind) {
            let mapped = match &object.spec {
                Spec::VLANNamespace(namespace) => map_vlans(mapper, &object.reference, namespace),
                Spec::IPv4Namespace(namespace) => map_addresses(mapper, &object.reference, namespace),
                _ => Ok(()),
            };
            if let Err(problem) = mapped {
                mapper.report(&object.reference, problem);
            }
        }
    }
}

fn map_vlans(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    namespace: &VlanNamespace,
) -> Result<(), ProblemKind> {
    let site = put_site(mapper);
    let name = local_name(&source.namespace, &source.name);
    let ranges = namespace.ranges.iter().map(|range| (range.from, range.to)).collect();
    let draft = Draft::new(vlan_group(mapper, source), Some(source), &[Kind::VLANNamespace])
        .with("name", text(&name))
        .with("slug", text(&slug(&name)))
        .with("scope", FieldValue::Generic(site))
        .with("vid_ranges", FieldValue::Ranges(ranges))
        .keeping(source);
    mapper.put(draft)
}

pub(super) fn vlan_group(mapper: &Mapper<'_>, namespace: &SourceRef) -> Identity {
    mapper.own(ObjectKind::VlanGroup, &format!("{}/{}", namespace.namespace, namespace.name))
}

fn map_addresses(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    namespace: &Ipv4Namespace,
) -> Result<(), ProblemKind> {
    let subnets: Vec<_> =
        namespace.subnets.iter().map(|subnet| network("spec.subnets", subnet)).collect::<Result<_, _>>()?;
    let path = format!("{}/{}", source.namespace, source.name);
    let name = format!("{} {}", mapper.fabric.name, local_name(&source.namespace, &source.name));
    let vrf = mapper.own(ObjectKind::Vrf, &format!("namespace/{path}"));
    mapper.put(
        Draft::new(vrf.clone(), Some(source), &[Kind::IPv4Namespace])
            .with("name", text(&name))
            .with("description", text(&format!("IPv4Namespace {}", source.name)))
            .with("enforce_unique", FieldValue::Boolean(true))
            .keeping(source),
    )?;
    for subnet in subnets {
        let identity = mapper.own(ObjectKind::Prefix, &format!("namespace/{path}/{subnet}"));
        mapper.put(
            Draft::new(identity, Some(source), &[Kind::IPv4Namespace])
                .with("prefix", text(&subnet.to_string()))
                .with("vrf", reference(&vrf))
                .with("status", text("container"))
                .with("description", text(&format!("IPv4Namespace {}", source.name))),
        )?;
    }
    Ok(())
}
