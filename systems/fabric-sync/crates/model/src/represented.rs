//! Which fields of a specification some field of NetBox stands for, which are only kept as JSON, and which this version does not know.

use crate::source::Kind;
use serde_json::Value;

/// Paths from `spec` on; `*` is any name and `[]` any element of a list.
struct Fields {
    /// A field of NetBox holds it.
    mapped: &'static [&'static str],
    /// Known, but without a field in NetBox; with all that is below.
    kept: &'static [&'static str],
}

const CONNECTION: Fields = Fields {
    mapped: &[
        "unbundled.link.*.port",
        "unbundled.mtu",
        "bundled.links.[].*.port",
        "bundled.mtu",
        "eslag.links.[].*.port",
        "eslag.mtu",
        "mclag.links.[].*.port",
        "mclag.mtu",
        "mclagDomain.peerLinks.[].*.port",
        "mclagDomain.sessionLinks.[].*.port",
        "fabric.links.[].*.port",
        "fabric.links.[].*.ip",
        "mesh.links.[].*.port",
        "mesh.links.[].*.ip",
        "gateway.links.[].switch.port",
        "gateway.links.[].switch.ip",
        "vpcLoopback.links.[].*.port",
        "external.link.switch.port",
        "staticExternal.link.switch.port",
        "staticExternal.link.switch.ip",
        "staticExternal.link.switch.vlan",
        "staticExternal.withinVPC",
    ],
    kept: &[
        "bundled.fallback",
        "eslag.fallback",
        "mclag.fallback",
        "gateway.links.[].gateway",
        "staticExternal.link.switch.nextHop",
        "staticExternal.link.switch.subnets",
    ],
};

fn fields(kind: Kind) -> Fields {
    match kind {
        Kind::VLANNamespace => Fields { mapped: &["ranges.[].from", "ranges.[].to"], kept: &[] },
        Kind::IPv4Namespace => Fields { mapped: &["subnets.[]"], kept: &[] },
        Kind::SwitchGroup | Kind::Agent => Fields { mapped: &[], kept: &[] },
        Kind::Switch => Fields {
            mapped: &["role", "profile", "description", "asn", "ip", "protocolIP", "vtepIP", "boot.serial"],
            kept: &[
                "boot.mac",
                "groups",
                "redundancy",
                "vlanNamespaces",
                "portSpeeds",
                "portBreakouts",
                "portAutoNegs",
                "portFECs",
                "portGroupSpeeds",
                "enableAllPorts",
                "roce",
                "ecmp",
                "linkFlapErrDisable",
            ],
        },
        Kind::Server => Fields { mapped: &["description", "profile"], kept: &[] },
        Kind::Connection => CONNECTION,
        Kind::VPC => Fields {
            mapped: &[
                "vlanNamespace",
                "subnets.*.subnet",
                "subnets.*.gateway",
                "subnets.*.vlan",
                "subnets.*.dhcp.enable",
                "subnets.*.dhcp.range.start",
                "subnets.*.dhcp.range.end",
            ],
            kept: &[
                "ipv4Namespace",
                "mode",
                "permit",
                "staticRoutes",
                "defaultIsolated",
                "defaultRestricted",
                "subnets.*.isolated",
                "subnets.*.restricted",
                "subnets.*.hostBGP",
                "subnets.*.dhcp.relay",
                "subnets.*.dhcp.relayVPC",
                "subnets.*.dhcp.options",
                "subnets.*.dhcp.static",
            ],
        },
        Kind::VPCAttachment => Fields { mapped: &["subnet", "connection", "nativeVLAN"], kept: &[] },
        Kind::VPCPeering => Fields { mapped: &[], kept: &["permit", "remote"] },
        Kind::External => {
            Fields { mapped: &["inboundCommunity"], kept: &["ipv4Namespace", "outboundCommunity", "static"] }
        }
        Kind::ExternalAttachment => Fields {
            mapped: &["connection", "switch.vlan", "switch.ip", "static.vlan", "static.ip"],
            kept: &["external", "neighbor", "static.remoteIP", "static.proxy", "inboundACL"],
        },
        Kind::ExternalPeering => Fields { mapped: &[], kept: &["permit"] },
    }
}

/// A field that no field of NetBox stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remainder {
    /// Its path from `spec` on, as `subnets.default.dhcp.options`.
    pub path: String,
    /// Whether this version knows what it means.
    pub is_known: bool,
    /// What it holds.
    pub value: Value,
}

/// What of `spec`, a specification of `kind`, no field of NetBox stands for.
pub(crate) fn find_remainder(kind: Kind, spec: &serde_json::Map<String, Value>) -> Vec<Remainder> {
    let mut found = Vec::new();
    let walker = Walker { fields: fields(kind), kind, spec };
    for (name, value) in spec {
        walker.walk(&mut vec![name.as_str()], name.clone(), value, &mut found);
    }
    found
}

/// Whether the mapping passes over a field that it has a place for, because of what stands beside it in `spec`. A zero or an empty text
/// says nothing: so the Fabric writes what is not set.
fn is_passed_over(
    kind: Kind,
    spec: &serde_json::Map<String, Value>,
    segments: &[&str],
    value: &Value,
) -> bool {
    if matches!(value, Value::String(text) if text.is_empty()) || value.as_i64() == Some(0) {
        return false;
    }
    match (kind, segments) {
        (Kind::VPC, ["subnets", subnet, "dhcp", "range", _]) => {
            let dhcp = spec.get("subnets").and_then(|subnets| subnets.get(*subnet)?.get("dhcp"));
            let range = |end: &str| dhcp.and_then(|dhcp| dhcp.get("range")?.get(end)?.as_str());
            let enabled = dhcp.and_then(|dhcp| dhcp.get("enable")?.as_bool()).unwrap_or_default();
            !enabled || range("start").is_none() || range("end").is_none()
        }
        (Kind::ExternalAttachment, ["switch", "vlan" | "ip"]) => {
            spec.get("static").is_some_and(|fixed| !fixed.is_null())
        }
        _ => false,
    }
}

struct Walker<'a> {
    fields: Fields,
    kind: Kind,
    spec: &'a serde_json::Map<String, Value>,
}

impl<'a> Walker<'a> {
    fn walk(&self, segments: &mut Vec<&'a str>, path: String, value: &'a Value, found: &mut Vec<Remainder>) {
        let Self { fields, kind, spec } = self;
        let is_mapped = fields.mapped.iter().any(|pattern| reach(pattern, segments) == Reach::Same);
        let is_passed_over = is_mapped && is_passed_over(*kind, spec, segments, value);
        if value.is_null() || (is_mapped && !is_passed_over) {
            return;
        }
        let is_kept = fields.kept.iter().any(|pattern| reach(pattern, segments) == Reach::Same);
        let is_known = is_passed_over || is_kept;
        let goes_on = || {
            fields.mapped.iter().chain(fields.kept).any(|pattern| reach(pattern, segments) == Reach::Above)
        };
        match value {
            Value::Object(object) if !is_known && goes_on() => {
                for (name, value) in object {
                    segments.push(name);
                    self.walk(segments, format!("{path}.{name}"), value, found);
                    segments.pop();
                }
            }
            Value::Array(items) if !is_known && goes_on() => {
                for (at, value) in items.iter().enumerate() {
                    segments.push("[]");
                    self.walk(segments, format!("{path}[{at}]"), value, found);
                    segments.pop();
                }
            }
            _ => found.push(Remainder { path, is_known, value: value.clone() }),
        }
    }
}

#[derive(PartialEq)]
enum Reach {
    /// The pattern names this very place.
    Same,
    /// The pattern names something below.
    Above,
    Elsewhere,
}

fn reach(pattern: &str, segments: &[&str]) -> Reach {
    let mut wanted = pattern.split('.');
    for segment in segments {
        match wanted.next() {
            Some("*") if *segment != "[]" => {}
            Some(name) if name == *segment => {}
            _ => return Reach::Elsewhere,
        }
    }
    if wanted.next().is_none() { Reach::Same } else { Reach::Above }
}
