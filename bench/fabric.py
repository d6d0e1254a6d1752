#!/usr/bin/env python3
"""The fabric sync with 4,000 fabric objects, a real kube-apiserver and a real NetBox: what a comparison costs beside a plain paged read
of the same lists, how long a change takes to arrive, how much memory it needs. Prints; asserts nothing.

  bench/fabric.py [PROGRAM [LEAVES SPINES SERVERS VPCS]]        target/release/fabric-sync, 64 8 1000 200: 4,021 objects

Needs lab/kubernetes/build and lab/netbox/build. The first run fills NetBox through the sync and keeps its database below target/lab/
(with 11,000 objects, which NetBox takes a good quarter of an hour to write); later runs begin with that.
"""

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAB = ROOT / "lab"
NUMBERS = sys.argv[2:] or ["64", "8", "1000", "200"]
KEPT = ROOT / "target/lab/netbox" / f"filled-{'-'.join(NUMBERS)}"
CHANGES = 300
TURNS = 3
PAGE = 500
SOURCES = {
    "wiring": ["switches", "servers", "connections", "switchgroups", "vlannamespaces"],
    "vpc": ["vpcs", "vpcattachments", "vpcpeerings", "ipv4namespaces", "externals", "externalattachments", "externalpeerings"],
    "agent": ["agents"],
}

# What the sync reads of NetBox.
LISTS = [
    "dcim/sites",
    "dcim/manufacturers",
    "dcim/device-types",
    "dcim/device-roles",
    "ipam/rirs",
    "ipam/asns",
    "circuits/providers",
    "ipam/route-targets",
    "ipam/vrfs",
    "ipam/vlan-groups",
    "ipam/vlans",
    "dcim/devices",
    "dcim/interfaces",
    "dcim/cables",
    "ipam/prefixes",
    "ipam/ip-addresses",
    "ipam/ip-ranges",
    "circuits/provider-networks",
    "vpn/l2vpns",
    "vpn/l2vpn-terminations",
]


@contextlib.contextmanager
def started(*command):
    """A server of the lab, as it tells itself; ended afterwards."""
    child = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        line = child.stdout.readline()
        if not line:
            sys.exit(f"{command[0]} did not start")
        yield {**json.loads(line), "input": child.stdin}
    finally:
        child.stdin.close()
        child.wait()


class Client:
    """One kept connection to a server; every answer must be a 2xx."""

    def __init__(self, url, authorization, authority=None):
        parts = urllib.parse.urlsplit(url)
        trust = ssl.create_default_context(cafile=authority) if authority else None
        self.connection = (
            http.client.HTTPSConnection(parts.netloc, context=trust) if trust else http.client.HTTPConnection(parts.netloc)
        )
        self.authorization = authorization
        self.used = time.monotonic()

    def ask(self, method, path, body=None, kind="application/json"):
        headers = {"Authorization": self.authorization, "Content-Type": kind, "Accept": "application/json"}
        # A server closes a connection that was idle for long: after a pause, another one.
        if time.monotonic() - self.used > 1:
            self.connection.close()
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.connection.getresponse()
        self.used = time.monotonic()
        text = response.read()
        if response.status >= 300:
            sys.exit(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text else None


def read_plainly(kubernetes, netbox):
    """Every list of both sides, page by page, one request after the other; (seconds, objects)."""
    begun, count = time.monotonic(), 0
    for group, plurals in SOURCES.items():
        for plural in plurals:
            base = f"/apis/{group}.githedgehog.com/v1beta1/namespaces/default/{plural}?limit={PAGE}"
            after = ""
            while True:
                page = kubernetes.ask("GET", base + after)
                count += len(page["items"])
                if not page["metadata"].get("continue"):
                    break
                after = f"&continue={urllib.parse.quote(page['metadata']['continue'])}"
    for path in LISTS:
        offset = 0
        while True:
            page = netbox.ask("GET", f"/api/{path}/?limit={PAGE}&offset={offset}")
            count += len(page["results"])
            if not page["next"]:
                break
            offset += PAGE
    return time.monotonic() - begun, count


class Home:
    """A folder for the program, with one fabric."""

    def __init__(self, program, kubernetes, netbox):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fabric-sync-bench-"))
        for name in ("config", "state"):
            (self.folder / name).mkdir()
        self.token = self.write("token", netbox["tokens"]["fabric-sync"].split()[-1])
        self.admin = self.write("admin", netbox["tokens"]["admin"].split()[-1])
        fabric = {"name": "f1", "site": "f1", "kubernetes": {"kubeconfig": kubernetes["kubeconfig"]}, "interval": "1 h"}
        config = {
            "netbox": {"url": netbox["url"], "token_file": self.token, "requests_per_second": 1000, "page_size": PAGE, "deadline": "5 min"},
            "fabrics": [fabric],
            "server": {"listen": "127.0.0.1:0"},
        }
        self.write("config/fabric-sync.yaml", json.dumps(config))

    def write(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def command(self, *words):
        return [self.program, "--home", str(self.folder), *words]

    @contextlib.contextmanager
    def running(self):
        """The service, once both sides agree; (its process, the seconds until then)."""
        begun = time.monotonic()
        log = (self.folder / "log").open("ab")
        child = subprocess.Popen(self.command("run"), stdout=subprocess.PIPE, stderr=log, text=True)
        address = re.match(r"status http://(\S+?)/", child.stdout.readline())
        if not address:
            sys.exit(f"fabric-sync run did not start: {(self.folder / 'log').read_text()}")
        try:
            while True:
                status = Client(f"http://{address[1]}", "").ask("GET", "/status.json")["fabrics"][0]
                if status["summary"] == "in-sync":
                    break
                print(f"  {time.monotonic() - begun:.0f} s: {status['summary']} {status['counts']}", file=sys.stderr)
                time.sleep(10)
            yield child, time.monotonic() - begun
        finally:
            child.terminate()
            child.wait()


def memory(child):
    """Largest resident size so far, in MB (1e6 bytes)."""
    text = pathlib.Path(f"/proc/{child.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * 1024 / 1e6


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def arrivals(kubernetes, netbox):
    """Seconds from each change's answer at the source to its place in NetBox's own log of changes; both clocks are this machine's."""
    switches = [f"leaf-{n:02}" for n in range(1, int(NUMBERS[0]) + 1)]
    sent = {}
    for n in range(CHANGES):
        words = f"bench {n} {os.urandom(4).hex()}"
        path = f"/apis/wiring.githedgehog.com/v1beta1/namespaces/default/switches/{switches[n % len(switches)]}"
        kubernetes.ask("PATCH", path, {"spec": {"description": words}}, "application/merge-patch+json")
        sent[words] = time.time()
        # Two a second: NetBox, not the queue before it, is what is measured.
        time.sleep(0.5)
    took, end = {}, time.monotonic() + 120
    while len(took) < CHANGES and time.monotonic() < end:
        page = netbox.ask("GET", "/api/core/object-changes/?limit=1000&ordering=-time&action=update&changed_object_type=dcim.device")
        for change in page["results"]:
            words = (change["postchange_data"] or {}).get("description")
            if words in sent:
                took[words] = datetime.datetime.fromisoformat(change["time"]).timestamp() - sent[words]
    return list(took.values())


def own_writes(netbox):
    """Seconds that NetBox takes for such a write by itself."""
    device = netbox.ask("GET", "/api/dcim/devices/?name=leaf-01")["results"][0]["id"]
    took = []
    for n in range(50):
        begun = time.monotonic()
        netbox.ask("PATCH", f"/api/dcim/devices/{device}/", {"comments": f"bench {n}"})
        took.append(time.monotonic() - begun)
    return took


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/fabric-sync")
    data = ["--data", KEPT] if KEPT.exists() else []
    with started(LAB / "netbox/start", *data) as netbox, started(LAB / "kubernetes/start", "--fabric", *NUMBERS) as kubernetes:
        home = Home(program, kubernetes, netbox)
        if not KEPT.exists():
            measure.run(home.command("prepare", "--token-file", home.admin), {0})
            with home.running() as (_, seconds):
                print(f"first sync of an empty NetBox: {seconds:.0f} s")
            netbox["input"].write(f"save {KEPT}\n".encode())
            return print("the database is kept; run again for the figures")
        source = Client(kubernetes["url"], f"Bearer {kubernetes['tokens']['admin']}", kubernetes["certificate_authority"])
        target = Client(netbox["url"], netbox["tokens"]["admin"])

        plain, compared = [], []
        for turn in range(TURNS + 1):
            seconds, count = read_plainly(source, target)
            took = measure.run(home.command("plan"), {0, 1})
            if turn:
                plain.append(seconds)
                compared.append(took)
        ratio = statistics.median(one.seconds / other for one, other in zip(compared, plain))
        print(f"objects read: {count:,}")
        print(f"plain paged read: {statistics.median(plain):.1f} s ({min(plain):.1f} to {max(plain):.1f})")
        print(f"comparison (`plan`): {measure.middle(compared):.1f} s, {ratio:.2f} times the plain read; peak {measure.peak(compared):.0f} MB")

        with home.running() as (child, seconds):
            print(f"from start to in sync: {seconds:.1f} s")
            changes = target.ask("GET", "/api/core/object-changes/?limit=1")["count"]
            took = arrivals(source, target)
            print(f"{len(took)} of {CHANGES} changes arrived: median {statistics.median(took):.2f} s, p99 {percentile(took, 0.99):.2f} s")
            alone = own_writes(target)
            print(f"a write by NetBox alone: median {statistics.median(alone):.2f} s, p99 {percentile(alone, 0.99):.2f} s")
            more = target.ask("GET", "/api/core/object-changes/?limit=1")["count"] - changes
            print(f"changes in NetBox's log meanwhile: {more} ({len(took)} by the sync and {len(alone)} by this script are expected)")
            print(f"peak memory of the service: {memory(child):.0f} MB")
        shutil.rmtree(home.folder)


main()
