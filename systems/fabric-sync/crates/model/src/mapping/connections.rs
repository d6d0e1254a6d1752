//! Connections: the ports they use, a cable for each link, a LAG on each device of a bundle, addresses of links between switches.

use super::devices::{device_identity, device_path, interface_identity, put_underlay, underlay};
use super::names::{address, split_path};
use super::vpcs::vrf_identity;
use super::{Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::{FieldValue, Identity, ObjectKind};
use crate::source::spec::{Bundle, Connection, Spec, StaticExternalPort};
use crate::source::{Kind, SourceRef};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The fields of an interface that say what it carries.
const VLAN_FIELDS: [&str; 3] = ["mode", "untagged_vlan", "tagged_vlans"];

/// A port of a device that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Port {
    pub device: SourceRef,
    pub name: String,
}

/// One end of a link.
struct End {
    port: Port,
    address: Option<IpNet>,
}

struct Link {
    a: End,
    /// None where the other end is no device of the fabric.
    b: Option<End>,
}

/// A connection that could be understood.
pub(super) struct Wired {
    links: Vec<Link>,
    /// Whether the ports of each device are bundled.
    is_bundle: bool,
    /// Where VPCs are attached: the switches' ports, or their LAGs.
    is_server_facing: bool,
    mtu: Option<u32>,
    /// The port of a connection to the outside.
    pub external: Option<Port>,
    fixed: Option<(StaticExternalPort, Option<IpNet>, Option<SourceRef>)>,
}

/// What is attached to one switch's port or LAG.
#[derive(Default)]
pub(super) struct Carried {
    pub tagged: BTreeSet<Identity>,
    pub untagged: Option<(Identity, SourceRef)>,
    pub sources: BTreeSet<SourceRef>,
    /// An attachment to it has a problem: what it carries is not known.
    pub uncertain: bool,
}

/// All connections and what is attached to them.
#[derive(Default)]
pub(super) struct Wiring {
    pub connections: BTreeMap<SourceRef, Wired>,
    /// By connection: each of its ends at a switch carries the same.
    pub carried: BTreeMap<SourceRef, Carried>,
    /// By connection to the outside: what is attached without a VLAN.
    pub outside: BTreeMap<SourceRef, Carried>,
    /// An attachment could not be understood: it may concern any connection.
    pub unnamed_attachment: bool,
    /// An attachment to the outside could not be understood: it may concern any connection to the outside.
    pub unnamed_external: bool,
}

impl Wiring {
    /// Checks all connections, also against each other, before anything is made of them.
    pub(super) fn read(mapper: &mut Mapper<'_>) -> Self {
        let mut wiring = Self::default();
        for object in mapper.objects_of(Kind::Connection) {
            let Spec::Connection(connection) = &object.spec else { continue };
            match read_connection(mapper, &object.reference, connection) {
                Ok(wired) => drop(wiring.connections.insert(object.reference.clone(), wired)),
                Err(problem) => mapper.report(&object.reference, problem),
            }
        }
        let mut claims: BTreeMap<&Port, Vec<&SourceRef>> = BTreeMap::new();
        for (source, wired) in &wiring.connections {
            for end in wired.ends() {
                claims.entry(&end.port).or_default().push(source);
            }
        }
        let mut twice = Vec::new();
        for (port, sources) in claims.into_iter().filter(|(_, sources)| sources.len() > 1) {
            let port = format!("{}/{}", port.device.name, port.name);
            for source in &sources {
                let problem = match sources.iter().find(|other| *other != source) {
                    Some(other) => {
                        ProblemKind::PortClaimedTwice { port: port.clone(), other: (*other).clone() }
                    }
                    None => ProblemKind::SamePort(port.clone()),
                };
                twice.push(((*source).clone(), problem));
            }
        }
        for (source, problem) in twice {
            wiring.connections.remove(&source);
            mapper.report(&source, problem);
        }
        wiring
    }

    /// Makes everything of the connections that are left.
    pub(super) fn map(&self, mapper: &mut Mapper<'_>) {
        for (source, wired) in &self.connections {
            if let Err(problem) = self.map_connection(mapper, source, wired) {
                mapper.report(source, problem);
            }
        }
    }

    fn map_connection(
        &self,
        mapper: &mut Mapper<'_>,
        source: &SourceRef,
        wired: &Wired,
    ) -> Result<(), ProblemKind> {
        let lags = if wired.is_bundle { self.map_lags(mapper, source, wired)? } else { BTreeMap::new() };
        let needs = [Kind::Switch, Kind::Server, Kind::Connection];
        for end in wired.ends() {
            let Port { device, name } = &end.port;
            let mut draft = Draft::new(interface_identity(mapper, device, name), Some(source), &needs)
                .with("device", reference(&device_identity(mapper, device)))
                .with("name", text(name))
                .with("lag", lags.get(device).map_or(FieldValue::Empty, reference))
                .initially("type", text(interface_type(mapper, &end.port)));
            if device.kind == Kind::Switch {
                draft = match wired.is_server_facing && !wired.is_bundle {
                    true => self.attach(draft.with("mtu", wired.mtu()), source),
                    // It may have carried VLANs in another connection.
                    false => {
                        VLAN_FIELDS.iter().fold(draft, |draft, field| draft.with(field, FieldValue::Empty))
                    }
                };
            }
            if wired.links.iter().all(|link| link.b.is_none()) {
                draft = draft.keeping(source);
            }
            if wired.external.is_some() {
                draft = self.keep_attachments(draft, source);
            }
            mapper.put(draft)?;
            if let Some(address) = end.address {
                put_underlay(mapper)?;
                let path = format!("{}/port/{name}", device_path(device));
                let vrf = underlay(mapper);
                put_address(mapper, source, &path, address, &vrf, &end.port)?;
            }
        }
        for link in &wired.links {
            let Some(b) = &link.b else { continue };
            let Port { device, name } = &link.a.port;
            let path = format!("{}/{}/{}/{name}", source.namespace, source.name, device.name);
            let ends = |end: &End| {
                FieldValue::Terminations(vec![interface_identity(mapper, &end.port.device, &end.port.name)])
            };
            let cable = Draft::new(mapper.own(ObjectKind::Cable, &path), Some(source), &needs)
                .with("a_terminations", ends(&link.a))
                .with("b_terminations", ends(b))
                .with("label", text(&source.name))
                .initially("status", text("connected"))
                .keeping(source);
            mapper.put(cable)?;
        }
        if let (Some((port, address, vpc)), Some(at)) = (&wired.fixed, &wired.external) {
            self.map_static(mapper, source, at, port.vlan, *address, vpc.as_ref())?;
        }
        Ok(())
    }

    /// One LAG on each device; those at switches carry what is attached.
    fn map_lags(
        &self,
        mapper: &mut Mapper<'_>,
        source: &SourceRef,
        wired: &Wired,
    ) -> Result<BTreeMap<SourceRef, Identity>, ProblemKind> {
        let devices: BTreeSet<&SourceRef> = wired.ends().map(|end| &end.port.device).collect();
        let mut lags = BTreeMap::new();
        for device in devices {
            let path = format!("{}/lag:{}", device_path(device), source.name);
            let identity = mapper.own(ObjectKind::Interface, &path);
            let needs = [Kind::Switch, Kind::Server, Kind::Connection];
            let mut draft = Draft::new(identity.clone(), Some(source), &needs)
                .with("device", reference(&device_identity(mapper, device)))
                .with("name", text(&source.name))
                .with("type", text("lag"));
            if device.kind == Kind::Switch {
                draft = self.attach(draft.with("mtu", wired.mtu()), source);
            }
            mapper.put(draft)?;
            lags.insert(device.clone(), identity);
        }
        Ok(lags)
    }

    /// Declares what is attached to the connection `source` on an interface of it, as far as that is known.
    fn attach(&self, mut draft: Draft, source: &SourceRef) -> Draft {
        let nothing = Carried::default();
        let carried = self.carried.get(source).unwrap_or(&nothing);
        draft.needs = draft.needs.union(crate::desired::Kinds::of(&[Kind::VPCAttachment, Kind::VPC]));
        if carried.uncertain || self.unnamed_attachment {
            draft.sources = None;
            return draft;
        }
        let mode = match (&carried.untagged, carried.tagged.is_empty()) {
            (None, true) => FieldValue::Empty,
            (Some(_), true) => text("access"),
            _ => text("tagged"),
        };
        draft = draft
            .with("mode", mode)
            .with(
                "untagged_vlan",
                carried.untagged.as_ref().map_or(FieldValue::Empty, |(vlan, _)| reference(vlan)),
            )
            .with(
                "tagged_vlans",
                if carried.tagged.is_empty() {
                    FieldValue::Empty
                } else {
                    FieldValue::References(carried.tagged.clone())
                },
            );
        carried.sources.iter().fold(draft, Draft::keeping)
    }

    /// What is attached to the port of the connection `source` to the outside without a VLAN has no interface of its own that keeps it.
    fn keep_attachments(&self, mut draft: Draft, source: &SourceRef) -> Draft {
        draft.needs = draft.needs.union(crate::desired::Kinds::of(&[Kind::ExternalAttachment]));
        let carried = self.outside.get(source);
        if self.unnamed_external || carried.is_some_and(|carried| carried.uncertain) {
            draft.sources = None;
            return draft;
        }
        carried.iter().flat_map(|carried| &carried.sources).fold(draft, Draft::keeping)
    }

    fn map_static(
        &self,
        mapper: &mut Mapper<'_>,
        source: &SourceRef,
        at: &Port,
        vlan: u16,
        address: Option<IpNet>,
        vpc: Option<&SourceRef>,
    ) -> Result<(), ProblemKind> {
        let vrf = match vpc {
            Some(vpc) => vrf_identity(mapper, vpc),
            None => {
                put_underlay(mapper)?;
                underlay(mapper)
            }
        };
        let port = put_subinterface(mapper, source, at, vlan, &[Kind::Connection])?;
        if let Some(address) = address {
            let path = format!("{}/static/{}", device_path(&at.device), port.name);
            put_address(mapper, source, &path, address, &vrf, &port)?;
        }
        Ok(())
    }
}

impl Wired {
    fn ends(&self) -> impl Iterator<Item = &End> {
        self.links.iter().flat_map(|link| [Some(&link.a), link.b.as_ref()]).flatten()
    }

    fn mtu(&self) -> FieldValue {
        self.mtu.map_or(FieldValue::Empty, |mtu| FieldValue::Integer(mtu.into()))
    }

    pub(super) fn is_server_facing(&self) -> bool {
        self.is_server_facing
    }
}

/// A virtual interface for a VLAN below `at`; without a VLAN, `at` itself.
pub(super) fn put_subinterface(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    at: &Port,
    vlan: u16,
    needs: &[Kind],
) -> Result<Port, ProblemKind> {
    if vlan == 0 {
        return Ok(at.clone());
    }
    let port = Port { device: at.device.clone(), name: format!("{}.{vlan}", at.name) };
    let draft = Draft::new(interface_identity(mapper, &port.device, &port.name), Some(source), needs)
        .with("device", reference(&device_identity(mapper, &port.device)))
        .with("name", text(&port.name))
        .with("type", text("virtual"))
        .with("parent", reference(&interface_identity(mapper, &at.device, &at.name)))
        .keeping(source);
    mapper.put(draft)?;
    Ok(port)
}

/// An address on a port; `path` tells it from others.
pub(super) fn put_address(
    mapper: &mut Mapper<'_>,
    source: &SourceRef,
    path: &str,
    address: IpNet,
    vrf: &Identity,
    port: &Port,
) -> Result<(), ProblemKind> {
    let interface = interface_identity(mapper, &port.device, &port.name);
    let draft = Draft::new(mapper.own(ObjectKind::IpAddress, path), Some(source), &[source.kind])
        .with("address", text(&address.to_string()))
        .with("vrf", reference(vrf))
        .with("assigned_object", FieldValue::Generic(interface));
    mapper.put(draft)
}

/// By the speed that the switch is told to use; NetBox wants a type, and people may say a better one.
fn interface_type(mapper: &Mapper<'_>, port: &Port) -> &'static str {
    let Some(Spec::Switch(switch)) = mapper.sources.get(&port.device).map(|object| &object.spec) else {
        return "other";
    };
    match switch.port_speeds.get(&port.name).map(String::as_str) {
        Some("1G") => "1000base-x-sfp",
        Some("10G") => "10gbase-x-sfpp",
        Some("25G") => "25gbase-x-sfp28",
        Some("40G") => "40gbase-x-qsfpp",
        Some("50G") => "50gbase-x-sfp56",
        Some("100G") => "100gbase-x-qsfp28",
        Some("200G") => "200gbase-x-qsfp56",
        Some("400G") => "400gbase-x-qsfpdd",
        Some("800G") => "800gbase-x-qsfpdd",
        _ => "other",
    }
}

fn read_connection(
    mapper: &Mapper<'_>,
    source: &SourceRef,
    connection: &Connection,
) -> Result<Wired, ProblemKind> {
    let types = [
        ("unbundled", connection.unbundled.is_some()),
        ("bundled", connection.bundled.is_some()),
        ("eslag", connection.eslag.is_some()),
        ("mclag", connection.mclag.is_some()),
        ("mclagDomain", connection.mclag_domain.is_some()),
        ("fabric", connection.fabric.is_some()),
        ("mesh", connection.mesh.is_some()),
        ("gateway", connection.gateway.is_some()),
        ("vpcLoopback", connection.vpc_loopback.is_some()),
        ("external", connection.external.is_some()),
        ("staticExternal", connection.static_external.is_some()),
    ];
    let types: Vec<String> =
        types.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name.to_owned()).collect();
    if types.len() != 1 {
        return Err(ProblemKind::ConnectionType(types));
    }
    let end = |path: &str, port: &str, ip: Option<&str>| read_end(mapper, source, path, port, ip);
    let pair =
        |path: &str, a: &str, b: &str| Ok(Link { a: end(path, a, None)?, b: Some(end(path, b, None)?) });
    let mut wired = Wired {
        links: Vec::new(),
        is_bundle: false,
        is_server_facing: false,
        mtu: None,
        external: None,
        fixed: None,
    };
    if let Some(unbundled) = &connection.unbundled {
        let link = &unbundled.link;
        wired.links.push(pair("spec.unbundled.link", &link.switch.port, &link.server.port)?);
        (wired.is_server_facing, wired.mtu) = (true, unbundled.mtu);
    }
    let bundles =
        [("bundled", &connection.bundled), ("eslag", &connection.eslag), ("mclag", &connection.mclag)];
    for (name, bundle) in bundles {
        let Some(Bundle { links, mtu }) = bundle else { continue };
        for (at, link) in links.iter().enumerate() {
            let path = format!("spec.{name}.links[{at}]");
            wired.links.push(pair(&path, &link.switch.port, &link.server.port)?);
        }
        (wired.is_bundle, wired.is_server_facing, wired.mtu) = (true, true, *mtu);
    }
    if let Some(domain) = &connection.mclag_domain {
        for (name, links) in [("peerLinks", &domain.peer_links), ("sessionLinks", &domain.session_links)] {
            for (at, link) in links.iter().enumerate() {
                let path = format!("spec.mclagDomain.{name}[{at}]");
                wired.links.push(pair(&path, &link.switch1.port, &link.switch2.port)?);
            }
        }
    }
    for (at, link) in connection.vpc_loopback.iter().flat_map(|each| &each.links).enumerate() {
        let path = format!("spec.vpcLoopback.links[{at}]");
        wired.links.push(pair(&path, &link.switch1.port, &link.switch2.port)?);
    }
    let fabric = connection.fabric.iter().flat_map(|each| &each.links);
    let fabric = fabric.map(|link| ("fabric", [("spine", &link.spine), ("leaf", &link.leaf)]));
    let mesh = connection.mesh.iter().flat_map(|each| &each.links);
    let mesh = mesh.map(|link| ("mesh", [("leaf1", &link.leaf1), ("leaf2", &link.leaf2)]));
    for (at, (name, [(a_name, a), (b_name, b)])) in fabric.chain(mesh).enumerate() {
        let path = |end: &str| format!("spec.{name}.links[{at}].{end}");
        wired.links.push(Link {
            a: end(&path(a_name), &a.port, a.ip.as_deref())?,
            b: Some(end(&path(b_name), &b.port, b.ip.as_deref())?),
        });
    }
    // Gateways are none of the twelve kinds: their end is kept as JSON.
    for (at, link) in connection.gateway.iter().flat_map(|each| &each.links).enumerate() {
        let path = format!("spec.gateway.links[{at}].switch");
        wired.links.push(Link { a: end(&path, &link.switch.port, link.switch.ip.as_deref())?, b: None });
    }
    if let Some(external) = &connection.external {
        let a = end("spec.external.link.switch", &external.link.switch.port, None)?;
        wired.external = Some(a.port.clone());
        wired.links.push(Link { a, b: None });
    }
    if let Some(fixed) = &connection.static_external {
        let port = &fixed.link.switch;
        let a = end("spec.staticExternal.link.switch", &port.port, None)?;
        let ip = port.ip.as_deref().filter(|ip| !ip.is_empty());
        let ip = ip.map(|ip| address("spec.staticExternal.link.switch.ip", ip)).transpose()?;
        let vpc = fixed.within_vpc.as_deref().filter(|vpc| !vpc.is_empty());
        let vpc = vpc.map(|vpc| SourceRef::new(Kind::VPC, &source.namespace, vpc));
        if let Some(vpc) = &vpc {
            mapper.find(vpc, "spec.staticExternal.withinVPC")?;
        }
        wired.external = Some(a.port.clone());
        wired.fixed = Some((port.clone(), ip, vpc));
        wired.links.push(Link { a, b: None });
    }
    if wired.links.is_empty() {
        return Err(ProblemKind::FieldMissing(format!("spec.{}.links", types.concat())));
    }
    Ok(wired)
}

fn read_end(
    mapper: &Mapper<'_>,
    source: &SourceRef,
    path: &str,
    port: &str,
    ip: Option<&str>,
) -> Result<End, ProblemKind> {
    let (device, name) = split_path(&format!("{path}.port"), port)?;
    let switch = SourceRef::new(Kind::Switch, &source.namespace, device);
    let server = SourceRef::new(Kind::Server, &source.namespace, device);
    let device = match (mapper.find(&switch, path), mapper.find(&server, path)) {
        (Ok(_), _) => switch,
        (_, Ok(_)) => server,
        // What is unknown or invalid among the one may be what is missing among the other.
        (Err(ProblemKind::TargetMissing { .. }), Err(problem)) | (Err(problem), Err(_)) => {
            return Err(match problem {
                ProblemKind::TargetMissing { field, .. } => {
                    ProblemKind::TargetMissing { field, target: format!("the device {device}") }
                }
                other => other,
            });
        }
    };
    let ip = ip.filter(|ip| !ip.is_empty());
    let address = ip.map(|ip| address(&format!("{path}.ip"), ip)).transpose()?;
    Ok(End { port: Port { device, name: name.into() }, address })
}
