"""A fabric that is consistent in itself: objects of all 12 kinds, and for each switch an Agent that has seen what the wiring says.

`python3 fabric.py LEAVES SPINES SERVERS VPCS` prints them, one JSON object a line: 4 2 10 3 are 57 objects and 6 agents,
64 8 1000 200 are 4,021 and 72. The same numbers give the same objects, byte for byte.
"""

import ipaddress
import json
import sys

from kinds import AGENT, KINDS, VERSION

SMALL = (4, 2, 10, 3)
LARGE = (64, 8, 1000, 200)
FABRIC = "fabric.githedgehog.com"


class Fabric:
    def __init__(self, leaves, spines, servers, vpcs, namespace="default"):
        self.namespace = namespace
        self.objects = []
        self.ports_used = {}
        # Per switch: port -> (name, port) at the other end of its cable.
        self.neighbours = {}
        self.spines = [f"spine-{n:02}" for n in range(1, spines + 1)]
        self.leaves = [f"leaf-{n:02}" for n in range(1, leaves + 1)]
        self.vpcs = [f"vpc-{n:02}" for n in range(1, vpcs + 1)]
        self.add("VLANNamespace", "default", ranges=[{"from": 1000, "to": 2999}])
        self.add("IPv4Namespace", "default", subnets=["10.0.0.0/12"])
        self.add_switches()
        self.add_fabric_links()
        connections = [self.add_server(n) for n in range(servers)]
        self.add_vpcs(connections)
        self.add_external()

    def add(self, kind, name, **spec):
        group = KINDS[kind][0]
        metadata = {"name": name, "namespace": self.namespace}
        self.objects.append({"apiVersion": f"{group}/{VERSION}", "kind": kind, "metadata": metadata, "spec": spec})

    def add_connection(self, name, kind, ends):
        self.add("Connection", name, **{kind: ends})
        return name

    def next_port(self, device, pattern="E1/{}"):
        self.ports_used[device] = self.ports_used.get(device, 0) + 1
        return f"{device}/{pattern.format(self.ports_used[device])}"

    def cable(self, one, other):
        """Notes at each end that is a switch what is at the other."""
        for here, there in ((one, other), (other, one)):
            device, port = here.split("/", 1)
            if device.startswith(("leaf-", "spine-")):
                self.neighbours.setdefault(device, {})[port] = tuple(there.split("/", 1))

    def add_switches(self):
        management, protocol, vtep = (ipaddress.ip_address(a) for a in ("172.30.0.10", "172.30.8.0", "172.30.12.0"))
        for n, name in enumerate(self.spines + self.leaves):
            leaf = n - len(self.spines)
            spec = {
                "role": "server-leaf" if leaf >= 0 else "spine",
                "profile": "vs",
                "description": f"VS-{n + 1}",
                "asn": 65101 + leaf if leaf >= 0 else 65100,
                "ip": f"{management + n}/21",
                "protocolIP": f"{protocol + n}/32",
                "boot": {"mac": f"0c:20:12:ff:{n // 256:02x}:{n % 256:02x}"},
            }
            if leaf >= 0:
                group = f"eslag-{leaf // 2 + 1}"
                spec |= {"vtepIP": f"{vtep + leaf}/32", "vlanNamespaces": ["default"], "groups": [group]}
                spec |= {"redundancy": {"group": group, "type": "eslag"}}
            self.add("Switch", name, **spec)
        for n in range((len(self.leaves) + 1) // 2):
            self.add("SwitchGroup", f"eslag-{n + 1}")

    def add_fabric_links(self):
        address = ipaddress.ip_address("172.30.128.0")
        for spine in self.spines:
            for leaf in self.leaves:
                ends = {end: {"port": self.next_port(name)} for end, name in (("spine", spine), ("leaf", leaf))}
                self.cable(ends["spine"]["port"], ends["leaf"]["port"])
                ends["spine"]["ip"], ends["leaf"]["ip"] = f"{address}/31", f"{address + 1}/31"
                address += 2
                self.add_connection(f"{spine}--fabric--{leaf}", "fabric", {"links": [ends]})

    def add_server(self, n):
        """A server and how it is connected: to a pair of leaves, twice to one, once to one, in turn."""
        server = f"server-{n + 1:02}"
        self.add("Server", server, description=f"S-{n + 1:02}")
        pair = [self.leaves[(n // 2 * 2 + side) % len(self.leaves)] for side in (0, 1)]
        kind, leaves = (("eslag", pair), ("bundled", [pair[0]] * 2), ("unbundled", [pair[0]]))[n % 3]
        links = []
        for leaf in leaves:
            link = {"server": {"port": self.next_port(server, "enp2s{}")}, "switch": {"port": self.next_port(leaf)}}
            self.cable(link["server"]["port"], link["switch"]["port"])
            links.append(link)
        name = f"{server}--{kind}--" + "--".join(dict.fromkeys(leaves))
        return self.add_connection(name, kind, {"link": links[0]} if kind == "unbundled" else {"links": links})

    def add_vpcs(self, connections):
        for n, name in enumerate(self.vpcs):
            subnet = ipaddress.ip_network((int(ipaddress.ip_address("10.0.1.0")) + n * 256, 24))
            dhcp = {"enable": True, "range": {"start": str(subnet[10]), "end": str(subnet[99])}}
            default = {"subnet": str(subnet), "gateway": str(subnet[1]), "vlan": 1000 + n % 1999, "dhcp": dhcp}
            self.add("VPC", name, ipv4Namespace="default", vlanNamespace="default", subnets={"default": default})
        for n, connection in enumerate(connections):
            vpc = self.vpcs[n % len(self.vpcs)]
            self.add("VPCAttachment", f"{vpc}--default--{connection}", subnet=f"{vpc}/default", connection=connection)
        for one, other in zip(self.vpcs, self.vpcs[1:]):
            self.add("VPCPeering", f"{one}--{other}", permit=[{one: {}, other: {}}])

    def add_external(self):
        leaf, vpc = self.leaves[-1], self.vpcs[0]
        link = {"switch": {"port": self.next_port(leaf)}}
        connection = self.add_connection(f"{leaf}--external--edge", "external", {"link": link})
        self.add("External", "edge", ipv4Namespace="default", inboundCommunity="65102:5000", outboundCommunity="50000:50001")
        self.add(
            "ExternalAttachment",
            f"{leaf}--edge",
            connection=connection,
            external="edge",
            neighbor={"asn": 65102, "ip": "100.64.0.6"},
            switch={"ip": "100.64.0.1/24", "vlan": 100},
        )
        permit = {"external": {"name": "edge", "prefixes": [{"prefix": "0.0.0.0/0"}]}, "vpc": {"name": vpc, "subnets": ["default"]}}
        self.add("ExternalPeering", f"{vpc}--edge", permit=permit)

    def agents(self):
        """One Agent a switch, as if it had just applied generation 1 and seen every neighbour; `status` goes to its own path."""
        for switch in self.spines + self.leaves:
            seen = {
                port: {"admin": "up", "oper": "up", "lldpNeighbors": [{"name": name, "portID": other}]}
                for port, (name, other) in self.neighbours.get(switch, {}).items()
            }
            status = {
                "lastHeartbeat": "2026-01-01T00:00:00Z",
                "lastAppliedGen": 1,
                "lastAttemptGen": 1,
                "conditions": [],
                "state": {"interfaces": seen, "nos": {"serialNumber": f"SN-{switch}", "softwareVersion": "lab"}},
            }
            metadata = {"name": switch, "namespace": self.namespace}
            yield {"apiVersion": f"{AGENT}/{VERSION}", "kind": "Agent", "metadata": metadata, "spec": {}, "status": status}


def path_of(thing):
    """Where in the API objects of its kind and namespace are."""
    group, plural, _ = KINDS[thing["kind"]]
    return f"/apis/{group}/{VERSION}/namespaces/{thing['metadata']['namespace']}/{plural}"


if __name__ == "__main__":
    if len(sys.argv) not in (1, 5):
        sys.exit(__doc__)
    fabric = Fabric(*(map(int, sys.argv[1:]) if len(sys.argv) == 5 else SMALL))
    for thing in [*fabric.objects, *fabric.agents()]:
        print(json.dumps(thing))
