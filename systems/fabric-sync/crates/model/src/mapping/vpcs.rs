//! VPCs: a VRF with a route target each, and of each subnet a VLAN, a prefix, the gateway's address, the DHCP range and an L2VPN.
//! Peerings: each VRF imports the other's route target.

use super::devices::put_site;
use super::names::{host, local_name, network, slug};
use super::namespaces::vlan_group;
use super::{Draft, Mapper, reference, text};
use crate::desired::ProblemKind;
use crate::netbox::{FieldValue, Identity, ObjectKind};
use crate::source::spec::{Spec, Subnet, Vpc};
use crate::source::{Kind, SourceRef};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a route target in NetBox, in characters.
const MAX_ROUTE_TARGET: usize = 21;

pub(super) fn map(mapper: &mut Mapper<'_>) {
    let subnets_by_vpc: Vec<_> = mapper
        .objects_of(Kind::VPC)
        .iter()
        .filter_map(|object| match &object.spec {
            Spec::VPC(vpc) => Some((&object.reference, vpc)),
            _ => None,
        })
        .filter_map(|(source, vpc)| match read_vpc(mapper, source, vpc) {
            Ok(subnets) => Some((source, vpc, subnets)),
            Err(problem) => {
                mapper.report(source, problem);
                None
            }
        })
        .collect();
    let peerings = Peerings::read(mapper);
    let numbers = read_numbers(mapper);
    let names = name_subnets(mapper);
    for (source, vpc, subnets) in subnets_by_vpc {
        let mapped = map_vrf(mapper, source, &peerings).and_then(|()| {
            subnets.iter().try_for_each(|subnet| {
                let usual = || usual_name(source, subnet.name);
                let name = names.get(&(source, subnet.name)).cloned().unwrap_or_else(usual);
                map_subnet(mapper, (source, vpc), (subnet, &name), &numbers)
            })
        });
        if let Err(problem) = mapped {
            mapper.report(source, problem);
        }
    }
}

struct ReadSubnet<'a> {
    name: &'a str,
    subnet: &'a Subnet,
    prefix: IpNet,
    gateway: Option<String>,
    range: Option<(String, String)>,
}

/// Checks all of a VPC before anything is made of it.
fn read_vpc<'a>(
    mapper: &Mapper<'_>,
    source: &SourceRef,
    vpc: &'a Vpc,
) -> Result<Vec<ReadSubnet<'a>>, ProblemKind> {
    let namespace = |kind, name: &str| SourceRef::new(kind, &source.namespace, name);
    mapper.check(&namespace(Kind::VLANNamespace, &vpc.vlan_namespace), "spec.vlanNamespace")?;
    mapper.check(&namespace(Kind::IPv4Namespace, &vpc.ipv4_namespace), "spec.ipv4Namespace")?;
    let read = vpc.subnets.iter().map(|(name, subnet)| {
        let field = |field: &str| format!("spec.subnets.{name}.{field}");
        let text = subnet.subnet.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Err(ProblemKind::FieldMissing(field("subnet")));
        }
        let prefix = network(&field("subnet"), text)?;
        let length = prefix.prefix_len();
        let within = |at: &str, text: &str| Ok(format!("{}/{length}", host(&field(at), text)?));
        let gateway = subnet.gateway.as_deref().filter(|gateway| !gateway.is_empty());
        let gateway = gateway.map(|gateway| within("gateway", gateway)).transpose()?;
        let range = subnet.dhcp.range.as_ref().filter(|_| subnet.dhcp.enable);
        let range = range.and_then(|range| Some((range.start.as_deref()?, range.end.as_deref()?)));
        let range = range
            .map(|(start, end)| Ok((within("dhcp.range.start", start)?, within("dhcp.range.end", end)?)))
            .transpose()?;
        Ok(ReadSubnet { name, subnet, prefix, gateway, range })
    });
    read.collect()
}

pub(super) fn vpc_path(vpc: &SourceRef) -> String {
    format!("{}/{}", vpc.namespace, vpc.name)
}

pub(super) fn vrf_identity(mapper: &Mapper<'_>, vpc: &SourceRef) -> Identity {
    mapper.own(ObjectKind::Vrf, &format!("vpc/{}", vpc_path(vpc)))
}

pub(super) fn vlan_identity(mapper: &Mapper<'_>, vpc: &SourceRef, subnet: &str) -> Identity {
    mapper.own(ObjectKind::Vlan, &format!("{}/{subnet}", vpc_path(vpc)))
}

fn route_target(mapper: &Mapper<'_>, vpc: &SourceRef) -> Identity {
    mapper.own(ObjectKind::RouteTarget, &vpc_path(vpc))
}

fn map_vrf(mapper: &mut Mapper<'_>, source: &SourceRef, peerings: &Peerings) -> Result<(), ProblemKind> {
    let target = route_target(mapper, source);
    let name = format!("{}:{}", mapper.fabric.name, local_name(&source.namespace, &source.name));
    let name = if name.chars().count() <= MAX_ROUTE_TARGET { name } else { short_name(&target.key) };
    // The fabric's switches derive their route targets; this one says who imports from whom.
    mapper.put(
        Draft::new(target.clone(), Some(source), &[Kind::VPC])
            .with("name", text(&name))
            .with("description", text(&format!("Stands for VPC {}; no number of the fabric", source.name))),
    )?;
    let needs = [Kind::VPC, Kind::VPCPeering, Kind::ExternalPeering];
    let mut draft = Draft::new(vrf_identity(mapper, source), Some(source), &needs)
        .with("name", text(&local_name(&source.namespace, &source.name)))
        .with("enforce_unique", FieldValue::Boolean(true))
        .with("export_targets", FieldValue::References([target.clone()].into()))
        .keeping(source);
    if !peerings.imports_in_doubt.concerns(source) {
        let peers = peerings.peers.get(source).into_iter().flatten();
        let targets = peers.map(|peer| route_target(mapper, peer)).chain([target]).collect();
        draft = draft.with("import_targets", FieldValue::References(targets));
    }
    if peerings.kept_in_doubt.concerns(source) {
        draft.sources = None;
    } else {
        for peering in peerings.sources.get(source).into_iter().flatten() {
            draft.sources.get_or_insert_default().push((peering.clone(), true));
        }
    }
    mapper.put(draft)
}

fn short_name(key: &str) -> String {
    format!("fs:{}", digits(key, 8))
}

/// The first bytes of a text's SHA-256, lower-case hexadecimal.
fn digits(text: &str, bytes: usize) -> String {
    Sha256::digest(text).iter().take(bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// What a subnet's VLAN and L2VPN are called.
fn usual_name(vpc: &SourceRef, subnet: &str) -> String {
    format!("{}-{subnet}", local_name(&vpc.namespace, &vpc.name))
}

/// What each subnet's VLAN and L2VPN are called. Where NetBox would take two for one, as subnet `d` of VPC `b-c` and subnet `c-d` of VPC
/// `b`, the first by namespace, VPC and subnet has the usual name, and the others one with a digest.
fn name_subnets<'a>(mapper: &Mapper<'a>) -> BTreeMap<(&'a SourceRef, &'a str), String> {
    let vpcs = mapper.objects_of(Kind::VPC).iter().filter_map(|object| match &object.spec {
        Spec::VPC(vpc) => Some((&object.reference, vpc)),
        _ => None,
    });
    let subnets: BTreeSet<(&SourceRef, &str)> = vpcs
        .flat_map(|(source, vpc)| vpc.subnets.keys().map(move |subnet| (source, subnet.as_str())))
        .collect();
    let mut taken = BTreeSet::new();
    let mut name_one = |(vpc, subnet): (&'a SourceRef, &'a str)| {
        let usual = usual_name(vpc, subnet);
        let name = if taken.insert(slug(&usual)) {
            usual
        } else {
            format!("{usual}-{}", digits(&format!("{}/{subnet}", vpc_path(vpc)), 4))
        };
        ((vpc, subnet), name)
    };
    subnets.into_iter().map(&mut name_one).collect()
}

fn map_subnet(
    mapper: &mut Mapper<'_>,
    (source, vpc): (&SourceRef, &Vpc),
    (read, name): (&ReadSubnet<'_>, &str),
    numbers: &Numbers,
) -> Result<(), ProblemKind> {
    let site = put_site(mapper);
    let vrf = vrf_identity(mapper, source);
    let path = format!("vpc/{}/{}", vpc_path(source), read.name);
    let vlan = vlan_identity(mapper, source, read.name);
    let draft = |mapper: &Mapper<'_>, kind, path: &str| {
        Draft::new(mapper.own(kind, path), Some(source), &[Kind::VPC, Kind::VLANNamespace])
    };
    let has_vlan = read.subnet.vlan != 0;
    if has_vlan {
        let group = SourceRef::new(Kind::VLANNamespace, &source.namespace, &vpc.vlan_namespace);
        let vlan = Draft::new(vlan.clone(), Some(source), &[Kind::VPC, Kind::VLANNamespace])
            .with("vid", FieldValue::Integer(read.subnet.vlan.into()))
            .with("name", text(name))
            .with("group", reference(&vlan_group(mapper, &group)))
            .initially("status", text("active"));
        mapper.put(vlan)?;
    }
    let prefix = draft(mapper, ObjectKind::Prefix, &path)
        .with("prefix", text(&read.prefix.to_string()))
        .with("vrf", reference(&vrf))
        .with("vlan", if has_vlan { reference(&vlan) } else { FieldValue::Empty })
        .with("scope", FieldValue::Generic(site))
        .initially("status", text("active"));
    mapper.put(prefix)?;
    if let Some(gateway) = &read.gateway {
        let gateway = draft(mapper, ObjectKind::IpAddress, &format!("{path}/gateway"))
            .with("address", text(gateway))
            .with("vrf", reference(&vrf))
            .with("role", text("anycast"))
            .with("description", text(&format!("Gateway of {name}")));
        mapper.put(gateway)?;
    }
    if let Some((start, end)) = &read.range {
        let range = draft(mapper, ObjectKind::IpRange, &format!("{path}/dhcp"))
            .with("start_address", text(start))
            .with("end_address", text(end))
            .with("vrf", reference(&vrf))
            .with("description", text("DHCP"))
            .with("mark_populated", FieldValue::Boolean(true))
            .initially("status", text("active"));
        mapper.put(range)?;
    }
    if has_vlan {
        // Neither side can have an underscore: no two fabrics make one name.
        let name = format!("{}_{name}", mapper.fabric.name);
        let l2vpn = mapper.own(ObjectKind::L2vpn, &path);
        let mut draft_l2vpn = Draft::new(l2vpn.clone(), Some(source), &[Kind::VPC, Kind::Agent])
            .with("name", text(&name))
            .with("slug", text(&slug(&name)))
            .with("type", text("vxlan-evpn"));
        if let Some(number) = numbers.get(&(source.name.as_str().into(), read.name.into())).copied().flatten()
        {
            draft_l2vpn = draft_l2vpn.with("identifier", FieldValue::Integer(number.into()));
        }
        mapper.put(draft_l2vpn)?;
        let termination = draft(mapper, ObjectKind::L2vpnTermination, &path)
            .with("l2vpn", reference(&l2vpn))
            .with("assigned_object", FieldValue::Generic(vlan));
        mapper.put(termination)?;
    }
    Ok(())
}

/// The VXLAN network identifiers of subnets as the fabric allocated them, by VPC and subnet; None where two agents disagree.
type Numbers = BTreeMap<(String, String), Option<u32>>;

fn read_numbers(mapper: &Mapper<'_>) -> Numbers {
    let mut numbers = Numbers::new();
    for object in mapper.objects_of(Kind::Agent) {
        let Spec::Agent(agent) = &object.spec else { continue };
        for (vpc, subnets) in &agent.catalog.subnet_vnis {
            for (subnet, number) in subnets {
                let known = numbers.entry((vpc.clone(), subnet.clone())).or_insert(Some(*number));
                *known = known.filter(|known| known == number);
            }
        }
    }
    numbers
}

/// Of which VPCs something is not known.
#[derive(Default)]
struct Doubt {
    all: bool,
    vpcs: BTreeSet<SourceRef>,
}

impl Doubt {
    fn concerns(&self, vpc: &SourceRef) -> bool {
        self.all || self.vpcs.contains(vpc)
    }
}

/// Who imports from whom, and which peerings a VRF keeps.
#[derive(Default)]
struct Peerings {
    peers: BTreeMap<SourceRef, BTreeSet<SourceRef>>,
    sources: BTreeMap<SourceRef, BTreeSet<SourceRef>>,
    /// What is imported; only peerings of VPCs say so.
    imports_in_doubt: Doubt,
    /// What is kept of peerings of either kind. A kind that is left out is not kept.
    kept_in_doubt: Doubt,
}

impl Peerings {
    /// A peering of `kind` has a problem; it names `vpcs`, or may concern any.
    fn doubt(&mut self, kind: Kind, vpcs: Option<&BTreeSet<SourceRef>>) {
        let doubts =
            [(kind == Kind::VPCPeering).then_some(&mut self.imports_in_doubt), Some(&mut self.kept_in_doubt)];
        for doubt in doubts.into_iter().flatten() {
            doubt.all |= vpcs.is_none();
            doubt.vpcs.extend(vpcs.into_iter().flatten().cloned());
        }
    }

    fn read(mapper: &mut Mapper<'_>) -> Self {
        let mut peerings = Self::default();
        peerings.imports_in_doubt.all = mapper.is_excluded(Kind::VPCPeering);
        for kind in [Kind::VPCPeering, Kind::ExternalPeering] {
            for (_, malformed) in mapper.snapshot.malformed().filter(|(of, _)| *of == kind) {
                peerings.doubt(kind, malformed.vpcs.as_ref());
            }
            for object in mapper.objects_of(kind) {
                let source = &object.reference;
                let vpc = |name: &str| SourceRef::new(Kind::VPC, &source.namespace, name);
                let (vpcs, external) = match &object.spec {
                    Spec::VPCPeering(peering) => {
                        let names: BTreeSet<&String> =
                            peering.permit.iter().flat_map(BTreeMap::keys).collect();
                        (names.into_iter().map(|name| vpc(name)).collect::<BTreeSet<_>>(), None)
                    }
                    Spec::ExternalPeering(peering) => {
                        ([vpc(&peering.permit.vpc.name)].into(), Some(&peering.permit.external.name))
                    }
                    _ => continue,
                };
                let checked = if kind == Kind::VPCPeering && vpcs.len() < 2 {
                    Err(ProblemKind::FieldMissing("spec.permit with two VPCs".into()))
                } else {
                    let external =
                        external.map(|name| SourceRef::new(Kind::External, &source.namespace, name));
                    let external = external.iter().map(|target| (target, "spec.permit.external.name"));
                    let mut targets = vpcs.iter().map(|target| (target, "spec.permit")).chain(external);
                    targets.try_for_each(|(target, field)| mapper.check(target, field))
                };
                if let Err(problem) = checked {
                    peerings.doubt(kind, Some(&vpcs));
                    mapper.report(source, problem);
                    continue;
                }
                for one in &vpcs {
                    peerings.sources.entry(one.clone()).or_default().insert(source.clone());
                    let others = vpcs.iter().filter(|other| *other != one).cloned();
                    peerings.peers.entry(one.clone()).or_default().extend(others);
                }
            }
        }
        peerings
    }
}
