//! What is outside: provider networks, and how switches are attached to them.

use super::connections::{Wiring, put_address, put_subinterface};
use super::devices::{device_path, put_asn, put_shared, put_underlay, underlay};
use super::names::{address, local_name, slug};
use super::{Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::ObjectKind;
use crate::source::spec::{External, ExternalAttachment, Spec};
use crate::source::{Kind, SourceRef};

pub(super) fn map(mapper: &mut Mapper<'_>, wiring: &Wiring) {
    for kind in [Kind::External, Kind::ExternalAttachment] {
        for object in mapper.objects_of(kind) {
            let mapped = match &object.spec {
                Spec::External(external) => map_external(mapper, &object.reference, external),
                Spec::ExternalAttachment(attachment) => {
                    map_attachment(mapper, wiring, &object.reference, attachment)
                }
                _ => Ok(()),
            };
            if let Err(problem) = mapped {
                mapper.report(&object.reference, problem);
            }
        }
    }
}

fn map_external(mapper: &mut Mapper<'_>, source: &SourceRef, external: &External) -> Result<(), ProblemKind> {
    let namespace = SourceRef::new(Kind::IPv4Namespace, &source.namespace, &external.ipv4_namespace);
    mapper.check(&namespace, "spec.ipv4Namespace")?;
    let name = format!("{} externals", mapper.fabric.name);
    let provider = put_shared(mapper, ObjectKind::Provider, &name, &slug(&name));
    let path = format!("{}/{}", source.namespace, source.name);
    let draft = Draft::new(mapper.own(ObjectKind::ProviderNetwork, &path), Some(source), &[Kind::External])
        .with("provider", reference(&provider))
        .with("name", text(&local_name(&source.namespace, &source.name)))
        .with("service_id", text(&external.inbound_community))
        .keeping(source);
    mapper.put(draft)
}

fn map_attachment(
    mapper: &mut Mapper<'_>,
    wiring: &Wiring,
    source: &SourceRef,
    attachment: &ExternalAttachment,
) -> Result<(), ProblemKind> {
    let external = SourceRef::new(Kind::External, &source.namespace, &attachment.external);
    mapper.check(&external, "spec.external")?;
    let connection = SourceRef::new(Kind::Connection, &source.namespace, &attachment.connection);
    mapper.find(&connection, "spec.connection")?;
    let Some(port) = wiring.connections.get(&connection).and_then(|wired| wired.external.as_ref()) else {
        let target = format!("{connection} as a connection to the outside");
        return Err(ProblemKind::TargetMissing { field: "spec.connection".into(), target });
    };
    let (field, vlan, ip) = match &attachment.fixed {
        Some(fixed) => ("spec.static.ip", fixed.vlan, fixed.ip.as_deref()),
        None => ("spec.switch.ip", attachment.switch.vlan, attachment.switch.ip.as_deref()),
    };
    let ip = ip.filter(|ip| !ip.is_empty()).map(|ip| address(field, ip)).transpose()?;
    let port = put_subinterface(mapper, source, port, vlan, &[Kind::ExternalAttachment, Kind::Connection])?;
    if let Some(ip) = ip {
        put_underlay(mapper)?;
        let vrf = underlay(mapper);
        let path = format!("{}/external/{}", device_path(&port.device), source.name);
        put_address(mapper, source, &path, ip, &vrf, &port)?;
    }
    if let Some(asn) = attachment.neighbor.asn.filter(|asn| *asn != 0) {
        // Whether its connection is sound depends on all that may use the same port.
        put_asn(mapper, asn, &[Kind::ExternalAttachment, Kind::Connection, Kind::Switch, Kind::Server])?;
    }
    Ok(())
}
