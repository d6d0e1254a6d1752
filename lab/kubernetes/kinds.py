"""The lab's own, small definitions of the fabric's kinds: names as Hedgehog's fabric has them, schemas of our own.

What a schema here does not name is kept as it came, as a later version of the fabric might send it. `python3 kinds.py` prints the
definitions as one list, for `kubectl apply -f -`.
"""

import json

WIRING, VPC, AGENT = "wiring.githedgehog.com", "vpc.githedgehog.com", "agent.githedgehog.com"
VERSION = "v1beta1"

TEXT = {"type": "string"}
NUMBER = {"type": "integer", "format": "int64"}
FLAG = {"type": "boolean"}


def list_of(items):
    return {"type": "array", "items": items}


def map_of(values):
    return {"type": "object", "additionalProperties": values}


def record(required=(), **properties):
    schema = {"type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": True}
    return {**schema, "required": list(required)} if required else schema


PORT = record(["port"], port=TEXT)
PORT_WITH_ADDRESS = record(["port"], port=TEXT, ip=TEXT)
SERVER_LINK = record(server=PORT, switch=PORT)
SERVER_LINKS = record(links=list_of(SERVER_LINK))
SWITCH_LINK = record(switch1=PORT, switch2=PORT)
PERMIT = map_of(record(subnets=list_of(TEXT)))


def fabric_links(one, other):
    return record(links=list_of(record(**{one: PORT_WITH_ADDRESS, other: PORT_WITH_ADDRESS})))


SUBNET = record(
    subnet=TEXT,
    gateway=TEXT,
    vlan=NUMBER,
    isolated=FLAG,
    restricted=FLAG,
    dhcp=record(enable=FLAG, relay=TEXT, range=record(start=TEXT, end=TEXT)),
)

# Kind: (group, plural, schema of its `spec`).
KINDS = {
    "VLANNamespace": (WIRING, "vlannamespaces", record(ranges=list_of(record(**{"from": NUMBER, "to": NUMBER})))),
    "SwitchGroup": (WIRING, "switchgroups", record()),
    "Switch": (
        WIRING,
        "switches",
        record(
            ["role", "profile"],
            role={**TEXT, "enum": ["spine", "server-leaf", "border-leaf", "mixed-leaf", "virtual-edge"]},
            profile=TEXT,
            description=TEXT,
            asn=NUMBER,
            ip=TEXT,
            protocolIP=TEXT,
            vtepIP=TEXT,
            boot=record(mac=TEXT, serial=TEXT),
            groups=list_of(TEXT),
            redundancy=record(group=TEXT, type={**TEXT, "enum": ["", "mclag", "eslag"]}),
            vlanNamespaces=list_of(TEXT),
        ),
    ),
    "Server": (WIRING, "servers", record(description=TEXT, profile=TEXT)),
    "Connection": (
        WIRING,
        "connections",
        record(
            unbundled=record(link=SERVER_LINK),
            bundled=SERVER_LINKS,
            eslag=SERVER_LINKS,
            mclag=SERVER_LINKS,
            mclagDomain=record(peerLinks=list_of(SWITCH_LINK), sessionLinks=list_of(SWITCH_LINK)),
            fabric=fabric_links("spine", "leaf"),
            mesh=fabric_links("leaf1", "leaf2"),
            gateway=fabric_links("switch", "gateway"),
            vpcLoopback=record(links=list_of(SWITCH_LINK)),
            external=record(link=record(switch=PORT)),
            staticExternal=record(link=record(switch=PORT_WITH_ADDRESS), withinVPC=TEXT),
        ),
    ),
    "IPv4Namespace": (VPC, "ipv4namespaces", record(subnets=list_of(TEXT))),
    "VPC": (
        VPC,
        "vpcs",
        record(
            ipv4Namespace=TEXT,
            vlanNamespace=TEXT,
            mode=TEXT,
            subnets=map_of(SUBNET),
            permit=list_of(list_of(TEXT)),
        ),
    ),
    "VPCAttachment": (VPC, "vpcattachments", record(["subnet", "connection"], subnet=TEXT, connection=TEXT, nativeVLAN=FLAG)),
    "VPCPeering": (VPC, "vpcpeerings", record(["permit"], permit=list_of(PERMIT), remote=TEXT)),
    "External": (VPC, "externals", record(ipv4Namespace=TEXT, inboundCommunity=TEXT, outboundCommunity=TEXT)),
    "ExternalAttachment": (
        VPC,
        "externalattachments",
        record(
            ["external", "connection"],
            external=TEXT,
            connection=TEXT,
            switch=record(vlan=NUMBER, ip=TEXT),
            neighbor=record(asn=NUMBER, ip=TEXT),
        ),
    ),
    "ExternalPeering": (
        VPC,
        "externalpeerings",
        record(
            permit=record(
                vpc=record(name=TEXT, subnets=list_of(TEXT)),
                external=record(name=TEXT, prefixes=list_of(record(prefix=TEXT))),
            )
        ),
    ),
    "Agent": (AGENT, "agents", record()),
}


def definition(kind):
    """The CustomResourceDefinition of a kind."""
    group, plural, spec = KINDS[kind]
    schema = {"type": "object", "properties": {"spec": spec, "status": record()}}
    version = {"name": VERSION, "served": True, "storage": True, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


if __name__ == "__main__":
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": [definition(kind) for kind in KINDS]}, indent=1))
