//! The kinds of NetBox objects that this program writes: their places in the API and the fields that are read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of object in NetBox. The order is the order of creation: what is referred to comes first. Deletion goes the other way,
/// so that cables go before interfaces and interfaces before devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// `dcim.site`
    Site,
    /// `dcim.manufacturer`
    Manufacturer,
    /// `dcim.devicetype`
    DeviceType,
    /// `dcim.devicerole`
    DeviceRole,
    /// `ipam.rir`
    Rir,
    /// `ipam.asn`
    Asn,
    /// `circuits.provider`
    Provider,
    /// `ipam.routetarget`
    RouteTarget,
    /// `ipam.vrf`
    Vrf,
    /// `ipam.vlangroup`
    VlanGroup,
    /// `ipam.vlan`
    Vlan,
    /// `dcim.device`
    Device,
    /// `dcim.interface`
    Interface,
    /// `dcim.cable`
    Cable,
    /// `ipam.prefix`
    Prefix,
    /// `ipam.ipaddress`
    IpAddress,
    /// `ipam.iprange`
    IpRange,
    /// `circuits.providernetwork`
    ProviderNetwork,
    /// `vpn.l2vpn`
    L2vpn,
    /// `vpn.l2vpntermination`
    L2vpnTermination,
}

impl ObjectKind {
    /// All kinds, in the order of creation.
    pub const ALL: [Self; 20] = [
        Self::Site,
        Self::Manufacturer,
        Self::DeviceType,
        Self::DeviceRole,
        Self::Rir,
        Self::Asn,
        Self::Provider,
        Self::RouteTarget,
        Self::Vrf,
        Self::VlanGroup,
        Self::Vlan,
        Self::Device,
        Self::Interface,
        Self::Cable,
        Self::Prefix,
        Self::IpAddress,
        Self::IpRange,
        Self::ProviderNetwork,
        Self::L2vpn,
        Self::L2vpnTermination,
    ];

    /// Below `/api/`, without slashes at the ends.
    pub fn path(self) -> &'static str {
        match self {
            Self::Site => "dcim/sites",
            Self::Manufacturer => "dcim/manufacturers",
            Self::DeviceType => "dcim/device-types",
            Self::DeviceRole => "dcim/device-roles",
            Self::Rir => "ipam/rirs",
            Self::Asn => "ipam/asns",
            Self::Provider => "circuits/providers",
            Self::RouteTarget => "ipam/route-targets",
            Self::Vrf => "ipam/vrfs",
            Self::VlanGroup => "ipam/vlan-groups",
            Self::Vlan => "ipam/vlans",
            Self::Device => "dcim/devices",
            Self::Interface => "dcim/interfaces",
            Self::Cable => "dcim/cables",
            Self::Prefix => "ipam/prefixes",
            Self::IpAddress => "ipam/ip-addresses",
            Self::IpRange => "ipam/ip-ranges",
            Self::ProviderNetwork => "circuits/provider-networks",
            Self::L2vpn => "vpn/l2vpns",
            Self::L2vpnTermination => "vpn/l2vpn-terminations",
        }
    }

    /// As NetBox names a type in generic references: `dcim.interface`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Site => "dcim.site",
            Self::Manufacturer => "dcim.manufacturer",
            Self::DeviceType => "dcim.devicetype",
            Self::DeviceRole => "dcim.devicerole",
            Self::Rir => "ipam.rir",
            Self::Asn => "ipam.asn",
            Self::Provider => "circuits.provider",
            Self::RouteTarget => "ipam.routetarget",
            Self::Vrf => "ipam.vrf",
            Self::VlanGroup => "ipam.vlangroup",
            Self::Vlan => "ipam.vlan",
            Self::Device => "dcim.device",
            Self::Interface => "dcim.interface",
            Self::Cable => "dcim.cable",
            Self::Prefix => "ipam.prefix",
            Self::IpAddress => "ipam.ipaddress",
            Self::IpRange => "ipam.iprange",
            Self::ProviderNetwork => "circuits.providernetwork",
            Self::L2vpn => "vpn.l2vpn",
            Self::L2vpnTermination => "vpn.l2vpntermination",
        }
    }

    /// The kind that NetBox names so.
    pub fn of_content_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.content_type() == name)
    }

    /// The kind of the objects whose numbers the field `name` holds, if it holds numbers of one kind.
    pub fn of_reference(name: &str) -> Option<Self> {
        Some(match name {
            "site" => Self::Site,
            "manufacturer" => Self::Manufacturer,
            "device_type" => Self::DeviceType,
            "rir" => Self::Rir,
            "provider" => Self::Provider,
            "import_targets" | "export_targets" => Self::RouteTarget,
            "vrf" => Self::Vrf,
            "group" => Self::VlanGroup,
            "vlan" | "untagged_vlan" | "tagged_vlans" => Self::Vlan,
            "device" => Self::Device,
            "lag" | "parent" => Self::Interface,
            "l2vpn" => Self::L2vpn,
            _ => return None,
        })
    }

    /// Whether objects of this kind are common to all of NetBox (manufacturers, roles, AS numbers, ...). Those are found by their
    /// natural key, created where they are missing, and never changed or deleted. All other kinds bear the fabric's unique key.
    pub fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Site
                | Self::Manufacturer
                | Self::DeviceType
                | Self::DeviceRole
                | Self::Rir
                | Self::Asn
                | Self::Provider
        )
    }

    /// The fields that are read, beside `id`, `display`, `last_updated`, `tags` and `custom_fields`.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Site | Self::Manufacturer | Self::DeviceRole | Self::Rir | Self::Provider => {
                &["name", "slug"]
            }
            Self::DeviceType => &["manufacturer", "model", "slug"],
            Self::Asn => &["asn"],
            Self::RouteTarget => &["name", "description"],
            Self::Vrf => &["name", "description", "enforce_unique", "import_targets", "export_targets"],
            Self::VlanGroup => &["name", "slug", "scope_type", "scope_id", "vid_ranges"],
            Self::Vlan => &["vid", "name", "group", "status"],
            Self::Device => &["name", "site", "device_type", "role", "serial", "description", "primary_ip4"],
            Self::Interface => &[
                "device",
                "name",
                "type",
                "lag",
                "parent",
                "mtu",
                "mgmt_only",
                "mode",
                "untagged_vlan",
                "tagged_vlans",
                "vrf",
                "cable",
            ],
            Self::Cable => &["a_terminations", "b_terminations", "label", "status"],
            Self::Prefix => &["prefix", "vrf", "vlan", "status", "description", "scope_type", "scope_id"],
            Self::IpAddress => {
                &["address", "vrf", "role", "assigned_object_type", "assigned_object_id", "description"]
            }
            Self::IpRange => {
                &["start_address", "end_address", "vrf", "status", "description", "mark_populated"]
            }
            Self::ProviderNetwork => &["provider", "name", "service_id", "description"],
            Self::L2vpn => &["name", "slug", "type", "identifier"],
            Self::L2vpnTermination => &["l2vpn", "assigned_object_type", "assigned_object_id"],
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Site => "site",
            Self::Manufacturer => "manufacturer",
            Self::DeviceType => "device type",
            Self::DeviceRole => "device role",
            Self::Rir => "RIR",
            Self::Asn => "ASN",
            Self::Provider => "provider",
            Self::RouteTarget => "route target",
            Self::Vrf => "VRF",
            Self::VlanGroup => "VLAN group",
            Self::Vlan => "VLAN",
            Self::Device => "device",
            Self::Interface => "interface",
            Self::Cable => "cable",
            Self::Prefix => "prefix",
            Self::IpAddress => "IP address",
            Self::IpRange => "IP range",
            Self::ProviderNetwork => "provider network",
            Self::L2vpn => "L2VPN",
            Self::L2vpnTermination => "L2VPN termination",
        })
    }
}
