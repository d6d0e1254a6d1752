//! Switches and servers: devices with their types and roles, management and loopback interfaces, addresses. Switch groups are kept
//! on the devices of their members.

use super::names::{address, local_name, slug};
use super::{ASN, Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::{FieldValue, Identity, ObjectKind};
use crate::source::spec::{Server, Spec, Switch};
use crate::source::{Kind, SourceRef};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// What servers are, as NetBox calls it, where their profile is not named.
const SERVER: &str = "server";
/// The path of the fabric's own VRF.
const UNDERLAY: &str = "underlay";

pub(super) fn map(mapper: &mut Mapper<'_>) {
    let shared = find_shared_vteps(mapper);
    for kind in [Kind::Switch, Kind::Server] {
        for object in mapper.objects_of(kind) {
            let mapped = match &object.spec {
                Spec::Switch(switch) => map_switch(mapper, &object.reference, switch, &shared),
                Spec::Server(server) => map_server(mapper, &object.reference, server),
                _ => Ok(()),
            };
            if let Err(problem) = mapped {
                mapper.report(&object.reference, problem);
            }
        }
    }
}

/// The VTEP addresses that several switches have: the Fabric gives the two of an MCLAG pair one (its `HydrationValidation`), and NetBox takes
/// an address twice in a VRF only in a role such as anycast.
fn find_shared_vteps<'a>(mapper: &Mapper<'a>) -> BTreeSet<&'a str> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for object in mapper.objects_of(Kind::Switch) {
        let Spec::Switch(switch) = &object.spec else { continue };
        if let Some(vtep) = switch.vtep_ip.as_deref().filter(|vtep| !seen.insert(host_of(vtep))) {
            shared.insert(host_of(vtep));
        }
    }
    shared
}

/// An address as it is written, without its prefix length.
fn host_of(address: &str) -> &str {
    address.split_once('/').map_or(address, |(host, _)| host)
}

fn map_switch(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    switch: &Switch,
    shared_vteps: &BTreeSet<&str>,
) -> Result<(), ProblemKind> {
    let needed = |field: &str, value: &Option<String>| {
        value.clone().filter(|value| !value.is_empty()).ok_or_else(|| ProblemKind::FieldMissing(field.into()))
    };
    let role = needed("spec.role", &switch.role)?;
    let profile = needed("spec.profile", &switch.profile)?;
    let addresses: Vec<_> = [
        ("management", "spec.ip", &switch.ip),
        ("protocol", "spec.protocolIP", &switch.protocol_ip),
        ("vtep", "spec.vtepIP", &switch.vtep_ip),
    ]
    .into_iter()
    .filter_map(|(path, field, value)| {
        Some((path, address(field, value.as_deref().filter(|v| !v.is_empty())?)))
    })
    .map(|(path, address)| Ok((path, address?)))
    .collect::<Result<_, ProblemKind>>()?;

    // Zero is how a number that is not set is written.
    let asn = switch.asn.filter(|asn| *asn != 0);
    let management = mapper.own(ObjectKind::IpAddress, &format!("{}/management", device_path(source)));
    // NetBox has a field of its own for one of IPv6, which is not declared.
    let has_management =
        addresses.iter().any(|(path, address)| *path == "management" && matches!(address, IpNet::V4(_)));
    let mut device = draft_device(mapper, source, &profile, &role, &[Kind::Switch, Kind::SwitchGroup])
        .with("description", text(&switch.description))
        .with("serial", text(&switch.boot.serial))
        .with(ASN, asn.map_or(FieldValue::Empty, |asn| FieldValue::Integer(asn.into())));
    device = device
        .with("primary_ip4", if has_management { reference(&management) } else { FieldValue::Empty })
        .keeping(source);
    for group in &switch.groups {
        let group = SourceRef::new(Kind::SwitchGroup, &source.namespace, group);
        mapper.check(&group, "spec.groups")?;
        device.sources.get_or_insert_default().push((group, true));
    }
    mapper.put(device)?;
    if let Some(asn) = asn {
        put_asn(mapper, asn, &[Kind::Switch])?;
    }
    if !addresses.is_empty() {
        put_underlay(mapper)?;
    }
    for (name, kind, is_management) in [("Management0", "1000base-t", true), ("Loopback0", "virtual", false)]
    {
        let mut of_interface =
            addresses.iter().filter(|(path, _)| (*path == "management") == is_management).peekable();
        if of_interface.peek().is_none() {
            continue;
        }
        let interface = interface_identity(mapper, source, name);
        mapper.put(
            Draft::new(interface.clone(), Some(source), &[Kind::Switch])
                .with("device", reference(&device_identity(mapper, source)))
                .with("name", text(name))
                .with("mgmt_only", FieldValue::Boolean(is_management))
                .initially("type", text(kind)),
        )?;
        for (path, address) in of_interface {
            let identity = mapper.own(ObjectKind::IpAddress, &format!("{}/{path}", device_path(source)));
            let is_shared = *path == "vtep"
                && switch.vtep_ip.as_deref().is_some_and(|vtep| shared_vteps.contains(host_of(vtep)));
            let role = match (is_management, is_shared) {
                (true, _) => FieldValue::Empty,
                (false, true) => text("anycast"),
                (false, false) => text("loopback"),
            };
            mapper.put(
                Draft::new(identity, Some(source), &[Kind::Switch])
                    .with("address", text(&address.to_string()))
                    .with("vrf", reference(&underlay(mapper)))
                    .with("role", role)
                    .with("assigned_object", FieldValue::Generic(interface.clone())),
            )?;
        }
    }
    Ok(())
}

fn map_server(mapper: &mut Mapper<'_>, source: &SourceRef, server: &Server) -> Result<(), ProblemKind> {
    let switch = SourceRef::new(Kind::Switch, &source.namespace, &source.name);
    if mapper.sources.contains_key(&switch) {
        let object = device_identity(mapper, source);
        return Err(ProblemKind::SameObject { object, other: switch });
    }
    let profile = server.profile.as_deref().filter(|profile| !profile.is_empty()).unwrap_or(SERVER);
    let device = draft_device(mapper, source, profile, SERVER, &[Kind::Server])
        .with("description", text(&server.description))
        .keeping(source);
    mapper.put(device)
}

/// A device with the shared objects that it needs.
fn draft_device(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    profile: &str,
    role: &str,
    needs: &[Kind],
) -> Draft {
    let site = put_site(mapper);
    let manufacturer = put_shared(mapper, ObjectKind::Manufacturer, "Hedgehog", "hedgehog");
    let type_slug = slug(profile);
    let device_type = Identity::new(ObjectKind::DeviceType, format!("{}/{type_slug}", manufacturer.key));
    let draft = Draft::new(device_type.clone(), None, &[])
        .with("manufacturer", reference(&manufacturer))
        .with("model", text(profile))
        .with("slug", text(&type_slug));
    // A shared object that is there already is the same one.
    let _ = mapper.put(draft);
    let role = put_shared(mapper, ObjectKind::DeviceRole, role, &slug(role));
    Draft::new(device_identity(mapper, source), Some(source), needs)
        .with("name", text(&local_name(&source.namespace, &source.name)))
        .with("site", reference(&site))
        .with("device_type", reference(&device_type))
        .with("role", reference(&role))
        .initially("status", text("active"))
}

/// A shared object that consists of a name and a slug.
pub(super) fn put_shared(mapper: &mut Mapper<'_>, kind: ObjectKind, name: &str, slug: &str) -> Identity {
    let identity = Identity::new(kind, slug);
    // A shared object that is there already is the same one.
    let _ =
        mapper.put(Draft::new(identity.clone(), None, &[]).with("name", text(name)).with("slug", text(slug)));
    identity
}

/// The fabric's site.
pub(super) fn put_site(mapper: &mut Mapper<'_>) -> Identity {
    let site = mapper.fabric.site.clone();
    put_shared(mapper, ObjectKind::Site, &site, &slug(&site))
}

/// An AS number, below a registry of private ones.
pub(super) fn put_asn(mapper: &mut Mapper<'_>, asn: u32, needs: &[Kind]) -> Result<(), ProblemKind> {
    let rir = put_shared(mapper, ObjectKind::Rir, "Private", "private");
    let identity = Identity::new(ObjectKind::Asn, asn.to_string());
    mapper.put(
        Draft::new(identity, None, needs)
            .with("asn", FieldValue::Integer(asn.into()))
            .with("rir", reference(&rir)),
    )
}

/// The VRF of the fabric's own addresses: two fabrics may number theirs alike.
pub(super) fn underlay(mapper: &Mapper<'_>) -> Identity {
    mapper.own(ObjectKind::Vrf, UNDERLAY)
}

/// Whether that is what [`underlay`] is called, in whichever fabric: it stands for no object of the source, and is wanted as long as one has
/// an address.
pub(crate) fn is_underlay(identity: &Identity) -> bool {
    let path = identity.key.split_once('/').map(|(_, path)| path);
    identity.kind == ObjectKind::Vrf && path == Some(UNDERLAY)
}

/// Makes [`underlay`].
pub(super) fn put_underlay(mapper: &mut Mapper<'_>) -> Result<(), ProblemKind> {
    let name = mapper.fabric.name.to_string();
    let draft = Draft::new(underlay(mapper), None, &[])
        .with("name", text(&name))
        .with("description", text(&format!("Addresses of fabric {name} itself")))
        .with("enforce_unique", FieldValue::Boolean(true));
    mapper.put(draft)
}

/// `NAMESPACE/NAME` of a switch or server.
pub(super) fn device_path(device: &SourceRef) -> String {
    format!("{}/{}", device.namespace, device.name)
}

pub(super) fn device_identity(mapper: &Mapper<'_>, device: &SourceRef) -> Identity {
    mapper.own(ObjectKind::Device, &device_path(device))
}

pub(super) fn interface_identity(mapper: &Mapper<'_>, device: &SourceRef, name: &str) -> Identity {
    mapper.own(ObjectKind::Interface, &format!("{}/{name}", device_path(device)))
}
