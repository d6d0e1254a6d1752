//! What is outside: provider networks, and how switches are attached to them.

use super::connections::{Port, Wiring, put_address, put_subinterface};
use super::devices::{device_path, put_asn, put_shared, put_underlay, underlay};
use super::names::{address, local_name, slug};
use super::{Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::ObjectKind;
use crate::source::spec::{External, ExternalAttachment, Spec};
use crate::source::{Kind, SourceRef};
use ipnet::IpNet;

/// An attachment that could be understood.
pub(super) struct Attached {
    source: SourceRef,
    port: Port,
    vlan: u16,
    address: Option<IpNet>,
    /// The neighbour's number.
    asn: Option<u32>,
}

/// Makes the provider networks, and reads what is attached to them before anything is made of the ports.
pub(super) fn map(mapper: &mut Mapper<'_>, wiring: &mut Wiring) -> Vec<Attached> {
    for object in mapper.objects_of(Kind::External) {
        let Spec::External(external) = &object.spec else { continue };
        if let Err(problem) = map_external(mapper, &object.reference, external) {
            mapper.report(&object.reference, problem);
        }
    }
    wiring.unnamed_external = mapper.malformed_kinds.contains(&Kind::ExternalAttachment);
    let mut attached = Vec::new();
    for object in mapper.objects_of(Kind::ExternalAttachment) {
        let Spec::ExternalAttachment(attachment) = &object.spec else { continue };
        let source = &object.reference;
        let connection = SourceRef::new(Kind::Connection, &source.namespace, &attachment.connection);
        let read = read_attachment(mapper, wiring, source, attachment, &connection);
        let carried = wiring.outside.entry(connection).or_default();
        match read {
            Ok(read) => {
                if read.vlan == 0 {
                    carried.sources.insert(source.clone());
                }
                attached.push(read);
            }
            Err(problem) => {
                carried.uncertain = true;
                mapper.report(source, problem);
            }
        }
    }
    attached
}

/// Makes what is below the ports, which are there now.
pub(super) fn attach(mapper: &mut Mapper<'_>, attached: &[Attached]) {
    for one in attached {
        if let Err(problem) = map_attachment(mapper, one) {
            mapper.report(&one.source, problem);
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

fn read_attachment(
    mapper: &Mapper<'_>,
    wiring: &Wiring,
    source: &SourceRef,
    attachment: &ExternalAttachment,
    connection: &SourceRef,
) -> Result<Attached, ProblemKind> {
    let external = SourceRef::new(Kind::External, &source.namespace, &attachment.external);
    mapper.check(&external, "spec.external")?;
    mapper.find(connection, "spec.connection")?;
    let Some(port) = wiring.connections.get(connection).and_then(|wired| wired.external.as_ref()) else {
        let target = format!("{connection} as a connection to the outside");
        return Err(ProblemKind::TargetMissing { field: "spec.connection".into(), target });
    };
    let (field, vlan, ip) = match &attachment.fixed {
        Some(fixed) => ("spec.static.ip", fixed.vlan, fixed.ip.as_deref()),
        None => ("spec.switch.ip", attachment.switch.vlan, attachment.switch.ip.as_deref()),
    };
    let address = ip.filter(|ip| !ip.is_empty()).map(|ip| address(field, ip)).transpose()?;
    let asn = attachment.neighbor.asn.filter(|asn| *asn != 0);
    Ok(Attached { source: source.clone(), port: port.clone(), vlan, address, asn })
}

fn map_attachment(mapper: &mut Mapper<'_>, attached: &Attached) -> Result<(), ProblemKind> {
    let Attached { source, port, vlan, address, asn } = attached;
    let port = put_subinterface(mapper, source, port, *vlan, &[Kind::ExternalAttachment, Kind::Connection])?;
    if let Some(address) = address {
        put_underlay(mapper)?;
        let vrf = underlay(mapper);
        let path = format!("{}/external/{}", device_path(&port.device), source.name);
        put_address(mapper, source, &path, *address, &vrf, &port)?;
    }
    if let Some(asn) = asn {
        // Whether its connection is sound depends on all that may use the same port.
        put_asn(mapper, *asn, &[Kind::ExternalAttachment, Kind::Connection, Kind::Switch, Kind::Server])?;
    }
    Ok(())
}
