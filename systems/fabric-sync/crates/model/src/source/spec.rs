//! What of a specification this program reads. Everything is optional here, as in most of the CRDs; what the mapping cannot do
//! without it asks for itself. Unknown fields are no errors: [`crate::represented`] finds them in the raw specification.

use super::Kind;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A specification by kind.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::upper_case_acronyms, reason = "these are the kinds' own names")]
pub(crate) enum Spec {
    VLANNamespace(VlanNamespace),
    IPv4Namespace(Ipv4Namespace),
    SwitchGroup,
    Switch(Box<Switch>),
    Server(Server),
    Connection(Box<Connection>),
    VPC(Vpc),
    VPCAttachment(VpcAttachment),
    VPCPeering(VpcPeering),
    External(External),
    ExternalAttachment(Box<ExternalAttachment>),
    ExternalPeering(ExternalPeering),
    Agent(Box<Agent>),
}

impl Spec {
    /// # Errors
    /// A field has another type than the CRD says; the message begins with the field's path.
    pub(super) fn parse(kind: Kind, spec: &Map<String, Value>, status: Value) -> Result<Self, String> {
        Ok(match kind {
            Kind::VLANNamespace => Self::VLANNamespace(read(spec)?),
            Kind::IPv4Namespace => Self::IPv4Namespace(read(spec)?),
            Kind::SwitchGroup => Self::SwitchGroup,
            Kind::Switch => Self::Switch(read(spec)?),
            Kind::Server => Self::Server(read(spec)?),
            Kind::Connection => Self::Connection(read(spec)?),
            Kind::VPC => Self::VPC(read(spec)?),
            Kind::VPCAttachment => Self::VPCAttachment(read(spec)?),
            Kind::VPCPeering => Self::VPCPeering(read(spec)?),
            Kind::External => Self::External(read(spec)?),
            Kind::ExternalAttachment => Self::ExternalAttachment(read(spec)?),
            Kind::ExternalPeering => Self::ExternalPeering(read(spec)?),
            Kind::Agent => {
                let AgentSpec { catalog } = read(spec)?;
                let status = if status.is_null() { Value::Object(Map::new()) } else { status };
                let status = serde_path_to_error::deserialize(status)
                    .map_err(|error| format!("status.{}: {}", error.path(), error.inner()))?;
                Self::Agent(Box::new(Agent { catalog, status }))
            }
        })
    }
}

fn read<'a, T: Deserialize<'a>>(spec: &'a Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(serde::de::value::MapDeserializer::new(
        spec.iter().map(|(name, value)| (name.as_str(), value)),
    ))
    .map_err(|error: serde_path_to_error::Error<serde_json::Error>| {
        format!("spec.{}: {}", error.path(), error.inner())
    })
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct VlanNamespace {
    #[serde(default)]
    pub ranges: Vec<VlanRange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub(crate) struct VlanRange {
    pub from: u16,
    pub to: u16,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Ipv4Namespace {
    #[serde(default)]
    pub subnets: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Switch {
    pub role: Option<String>,
    pub profile: Option<String>,
    #[serde(default)]
    pub description: String,
    pub asn: Option<u32>,
    pub ip: Option<String>,
    #[serde(rename = "protocolIP")]
    pub protocol_ip: Option<String>,
    #[serde(rename = "vtepIP")]
    pub vtep_ip: Option<String>,
    #[serde(default)]
    pub boot: Boot,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub port_speeds: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Boot {
    #[serde(default)]
    pub serial: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Server {
    #[serde(default)]
    pub description: String,
    pub profile: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connection {
    pub unbundled: Option<Unbundled>,
    pub bundled: Option<Bundle>,
    pub eslag: Option<Bundle>,
    pub mclag: Option<Bundle>,
    pub mclag_domain: Option<MclagDomain>,
    pub fabric: Option<Links<FabricLink>>,
    pub mesh: Option<Links<MeshLink>>,
    pub gateway: Option<Links<GatewayLink>>,
    pub vpc_loopback: Option<Links<SwitchPair>>,
    pub external: Option<One<SwitchEnd>>,
    pub static_external: Option<StaticExternal>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Links<L> {
    #[serde(default = "Vec::new")]
    pub links: Vec<L>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct One<L> {
    pub link: L,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Unbundled {
    pub link: ServerLink,
    pub mtu: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Bundle {
    #[serde(default)]
    pub links: Vec<ServerLink>,
    pub mtu: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Port {
    pub port: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct AddressedPort {
    pub port: String,
    pub ip: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ServerLink {
    pub server: Port,
    pub switch: Port,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SwitchEnd {
    pub switch: Port,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct SwitchPair {
    pub switch1: Port,
    pub switch2: Port,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MclagDomain {
    #[serde(default)]
    pub peer_links: Vec<SwitchPair>,
    #[serde(default)]
    pub session_links: Vec<SwitchPair>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct FabricLink {
    pub spine: AddressedPort,
    pub leaf: AddressedPort,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct MeshLink {
    pub leaf1: AddressedPort,
    pub leaf2: AddressedPort,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct GatewayLink {
    pub switch: AddressedPort,
    pub gateway: AddressedPort,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaticExternal {
    pub link: StaticExternalLink,
    #[serde(rename = "withinVPC")]
    pub within_vpc: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct StaticExternalLink {
    pub switch: StaticExternalPort,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct StaticExternalPort {
    pub port: String,
    pub ip: Option<String>,
    #[serde(default)]
    pub vlan: u16,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vpc {
    #[serde(rename = "ipv4Namespace", default = "default_name")]
    pub ipv4_namespace: String,
    #[serde(default = "default_name")]
    pub vlan_namespace: String,
    #[serde(default)]
    pub subnets: BTreeMap<String, Subnet>,
}

/// The namespace that the Fabric's webhook fills in where none is named.
fn default_name() -> String {
    "default".into()
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Subnet {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    #[serde(default)]
    pub vlan: u16,
    #[serde(default)]
    pub dhcp: Dhcp,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Dhcp {
    #[serde(default)]
    pub enable: bool,
    pub range: Option<AddressRange>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct AddressRange {
    pub start: Option<String>,
    pub end: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct VpcAttachment {
    /// `VPC/SUBNET`.
    #[serde(default)]
    pub subnet: String,
    #[serde(default)]
    pub connection: String,
    #[serde(default, rename = "nativeVLAN")]
    pub native_vlan: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct VpcPeering {
    /// Each map names the two VPCs.
    #[serde(default)]
    pub permit: Vec<BTreeMap<String, Value>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct External {
    #[serde(rename = "ipv4Namespace", default = "default_name")]
    pub ipv4_namespace: String,
    #[serde(default)]
    pub inbound_community: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ExternalAttachment {
    #[serde(default)]
    pub external: String,
    #[serde(default)]
    pub connection: String,
    #[serde(default)]
    pub switch: AttachmentSwitch,
    #[serde(default)]
    pub neighbor: Neighbor,
    #[serde(rename = "static")]
    pub fixed: Option<StaticAttachment>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct AttachmentSwitch {
    #[serde(default)]
    pub vlan: u16,
    pub ip: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Neighbor {
    pub asn: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct StaticAttachment {
    pub ip: Option<String>,
    #[serde(default)]
    pub vlan: u16,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct ExternalPeering {
    #[serde(default)]
    pub permit: ExternalPermit,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct ExternalPermit {
    #[serde(default)]
    pub vpc: Named,
    #[serde(default)]
    pub external: Named,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Named {
    #[serde(default)]
    pub name: String,
}

/// What a switch's agent was told and what it reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agent {
    pub catalog: Catalog,
    pub status: AgentStatus,
}

#[derive(Deserialize)]
struct AgentSpec {
    #[serde(default)]
    catalog: Catalog,
}

/// The numbers that the fabric allocated.
#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct Catalog {
    #[serde(default, rename = "vpcVNIs")]
    pub vpc_vnis: BTreeMap<String, u32>,
    #[serde(default, rename = "vpcSubnetVNIs")]
    pub subnet_vnis: BTreeMap<String, BTreeMap<String, u32>>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentStatus {
    pub last_heartbeat: Option<String>,
    pub last_applied_gen: Option<i64>,
    #[serde(default)]
    pub state: AgentState,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct AgentState {
    #[serde(default)]
    pub interfaces: BTreeMap<String, AgentInterface>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentInterface {
    #[serde(default)]
    pub oper: String,
    #[serde(default)]
    pub lldp_neighbors: Vec<LldpNeighbor>,
}

#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
pub(crate) struct LldpNeighbor {
    /// The neighbour as the fabric knows it, or as it calls itself.
    #[serde(default)]
    pub name: String,
    #[serde(default, rename = "portID")]
    pub port_id: String,
    #[serde(default, rename = "sysName")]
    pub system_name: String,
    #[serde(default, rename = "portDescr")]
    pub port_description: String,
}
