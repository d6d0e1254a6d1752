#!/usr/bin/env python3
"""The fabric sync with 4,000 fabric objects, a real kube-apiserver and a real NetBox: what a comparison costs beside a plain paged read
of the same lists, how long a change takes to arrive, what a steady run writes, how much memory it needs, how soon it has compared a small
fabric. Prints, asserts nothing, and writes docs/fabric-sync/figures.md.

  bench/fabric.py [PROGRAM [LEAVES SPINES SERVERS VPCS]]        target/release/fabric-sync, 64 8 1000 200: 4,021 objects

Needs lab/kubernetes/build and lab/netbox/build (`make fabric-figures` does all). The first time it fills NetBox through the sync and keeps
its database below target/lab/ (11,000 objects, which NetBox takes long to write).
With other numbers it writes no page.
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
LARGE, SMALL = ["64", "8", "1000", "200"], ["4", "2", "10", "3"]
NUMBERS = sys.argv[2:] or LARGE
KEPT = ROOT / "target/lab/netbox" / f"filled-{'-'.join(NUMBERS)}"
PAGE = ROOT / "docs/fabric-sync/figures.md"
CHANGES = 300
TURNS = 3
STARTS = 5
# From one change to the next, in times that NetBox takes for such a write.
SHARE = 2.5
# Both sides are read whole so often while the memory of the service is measured, with changes in between.
INTERVAL = "1 min"
LOOKS = 3
PAGE_SIZE = 500
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


HEAD = """\
# Figures of the fabric sync

Made by `make fabric-figures` on {date} (UTC), with a real kube-apiserver, etcd and NetBox on the same machine. Figures are shown, never asserted: another
machine gives others. Each stands beside a reference that was measured in the same run.

Machine: {machine}.
{load}"""


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
            base = f"/apis/{group}.githedgehog.com/v1beta1/namespaces/default/{plural}?limit={PAGE_SIZE}"
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
            page = netbox.ask("GET", f"/api/{path}/?limit={PAGE_SIZE}&offset={offset}")
            count += len(page["results"])
            if not page["next"]:
                break
            offset += PAGE_SIZE
    return time.monotonic() - begun, count


class Home:
    """A folder for the program, with one fabric."""

    def __init__(self, program, kubernetes, netbox, mode="apply", interval="1 h"):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fabric-sync-bench-"))
        for name in ("config", "state"):
            (self.folder / name).mkdir()
        self.token = self.write("token", netbox["tokens"]["fabric-sync"].split()[-1])
        self.admin = self.write("admin", netbox["tokens"]["admin"].split()[-1])
        fabric = {"name": "f1", "site": "f1", "kubernetes": {"kubeconfig": kubernetes["kubeconfig"]}, "interval": interval, "mode": mode}
        config = {
            "netbox": {"url": netbox["url"], "token_file": self.token, "requests_per_second": 1000, "page_size": PAGE_SIZE, "deadline": "5 min"},
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
    def running(self, reached, patience):
        """The service, once `reached(status)` of its fabric; (its process, the seconds until then, what asks for the status). Asks each
        `patience` seconds."""
        begun = time.monotonic()
        log = (self.folder / "log").open("ab")
        child = subprocess.Popen(self.command("run"), stdout=subprocess.PIPE, stderr=log, text=True)
        address = re.match(r"status http://(\S+?)/", child.stdout.readline())
        if not address:
            sys.exit(f"fabric-sync run did not start: {(self.folder / 'log').read_text()}")
        def status():
            return Client(f"http://{address[1]}", "").ask("GET", "/status.json")["fabrics"][0]

        try:
            while not reached(status()):
                time.sleep(patience)
            yield child, time.monotonic() - begun, status
        finally:
            child.terminate()
            child.wait()


def is_in_sync(status):
    return status["summary"] == "in-sync"


def has_compared(status):
    """Both sides were read whole."""
    return status["whole_as_of"] is not None


def written(netbox):
    """What no run may move that has nothing to write: how many changes NetBox has logged, and when each list was last written."""
    newest = [netbox.ask("GET", f"/api/{path}/?limit=1&ordering=-last_updated")["results"] for path in LISTS]
    times = [one["last_updated"] for page in newest for one in page]
    return netbox.ask("GET", "/api/core/object-changes/?limit=1")["count"], times


def memory(child):
    """Largest resident size so far, in MB (1e6 bytes)."""
    text = pathlib.Path(f"/proc/{child.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) * 1024 / 1e6


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def describe(kubernetes, switch):
    """Changes one field of a switch; what it says now."""
    words = f"bench {os.urandom(4).hex()}"
    path = f"/apis/wiring.githedgehog.com/v1beta1/namespaces/default/switches/{switch}"
    kubernetes.ask("PATCH", path, {"spec": {"description": words}}, "application/merge-patch+json")
    return words


def memory_of_looks(home, kubernetes):
    """Largest resident size after LOOKS further whole reads of both sides, with a change each second, in MB."""
    with home.running(is_in_sync, 0.2) as (child, _, status):
        looks, last = 0, status()["whole_as_of"]
        while looks < LOOKS:
            describe(kubernetes, "leaf-01")
            time.sleep(1)
            read = status()["whole_as_of"]
            looks, last = looks + (read != last), read
        return memory(child)


def arrivals(kubernetes, netbox, pause):
    """Seconds from each change's answer at the source to its place in NetBox's own log of changes; both clocks are this machine's. `pause`
    seconds lie between two changes."""
    switches = [f"leaf-{n:02}" for n in range(1, int(NUMBERS[0]) + 1)]
    sent = {}
    for n in range(CHANGES):
        words = describe(kubernetes, switches[n % len(switches)])
        sent[words] = time.time()
        time.sleep(pause)
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


def fill(program):
    """Through the sync, into an empty NetBox, once."""
    with started(LAB / "netbox/start") as netbox, started(LAB / "kubernetes/start", "--fabric", *NUMBERS) as kubernetes:
        home = Home(program, kubernetes, netbox)
        measure.run(home.command("prepare", "--token-file", home.admin), {0})
        with home.running(is_in_sync, 5) as (_, seconds, _):
            print(f"first sync of an empty NetBox: {seconds:.0f} s", file=sys.stderr, flush=True)
        netbox["input"].write(f"save {KEPT}\n".encode())
        shutil.rmtree(home.folder)


def first_comparisons(program):
    """Seconds from start to the first whole comparison of a small fabric with a NetBox that has nothing of it."""
    took = []
    with started(LAB / "netbox/start") as netbox, started(LAB / "kubernetes/start", "--fabric", *SMALL) as kubernetes:
        home = Home(program, kubernetes, netbox, "detect")
        measure.run(home.command("prepare", "--token-file", home.admin), {0})
        for _ in range(STARTS + 1):
            with home.running(has_compared, 0.02) as (_, seconds, _):
                took.append(seconds)
        shutil.rmtree(home.folder)
    return took[1:]


def figures(program):
    """The lines of the page."""
    with started(LAB / "netbox/start", "--data", KEPT) as netbox, started(LAB / "kubernetes/start", "--fabric", *NUMBERS) as kubernetes:
        home = Home(program, kubernetes, netbox)
        source = Client(kubernetes["url"], f"Bearer {kubernetes['tokens']['admin']}", kubernetes["certificate_authority"])
        target = Client(netbox["url"], netbox["tokens"]["admin"])

        plain, compared = [], []
        for turn in range(TURNS + 1):
            seconds, count = read_plainly(source, target)
            took = measure.run(home.command("plan"), {0, 1})
            if turn:
                plain.append(seconds)
                compared.append(took)
        ratios = [one.seconds / other for one, other in zip(compared, plain)]

        alone = own_writes(target)
        # So that NetBox, not the queue before it, is what is measured.
        pause = SHARE * statistics.median(alone)
        before = written(target)
        with home.running(is_in_sync, 0.2) as (child, seconds, _):
            after = written(target)
            took = arrivals(source, target, pause)
            logged = target.ask("GET", "/api/core/object-changes/?limit=1")["count"] - after[0]
            service = memory(child)
        shutil.rmtree(home.folder)
        often = Home(program, kubernetes, netbox, interval=INTERVAL)
        looking = memory_of_looks(often, source)
        shutil.rmtree(often.folder)
    small = first_comparisons(program)
    return [
        "## A comparison",
        "",
        f"{count:,} objects are read of both sides, in pages of {PAGE_SIZE}. The plain read asks for one page after the other and keeps none.",
        "",
        "| | median s | least to greatest | peak MB |",
        "|---|---|---|---|",
        f"| a plain paged read of the same lists | {statistics.median(plain):.1f} | {min(plain):.1f} to {max(plain):.1f} | |",
        f"| `fabric-sync plan` | {measure.middle(compared):.1f} | {measure.spread(compared, 1)} | {measure.peak(compared):.0f} |",
        "",
        f"The comparison takes {statistics.median(ratios):.2f} times the plain read (turn by turn {min(ratios):.2f} to {max(ratios):.2f}); the goal is at most 1.3, "
        "in less than 200 MB.",
        "",
        "## A change",
        "",
        f"{CHANGES} changes of one field, one every {pause:.2f} s, which is {SHARE} times what NetBox takes for such a write, from the answer of the "
        "Kubernetes API to the time of the change in NetBox's own log.",
        "",
        "| | count | p50 s | p99 s | greatest s |",
        "|---|---|---|---|---|",
        f"| change in Kubernetes to change in NetBox | {len(took)} | {statistics.median(took):.2f} | {percentile(took, 0.99):.2f} | {max(took):.2f} |",
        f"| such a write by NetBox alone, before | {len(alone)} | {statistics.median(alone):.2f} | {percentile(alone, 0.99):.2f} | {max(alone):.2f} |",
        "",
        f"The goal is p99 under 2 s beside NetBox's own time. NetBox logged {logged} changes meanwhile, {len(took)} of them counted above. "
        f"The service had read both sides once by then (`interval: 1 h`), and its peak memory was {service:.0f} MB. With `interval: {INTERVAL}`, after {LOOKS} "
        f"further whole reads with a change each second meanwhile: {looking:.0f} MB. The goal is less than 200 MB.",
        "",
        "## A steady run",
        "",
        f"From start to in sync, with nothing to write: {seconds:.1f} s. Changes that NetBox logged meanwhile: {after[0] - before[0]}; "
        f"lists whose newest time of a write moved: {sum(one != other for one, other in zip(before[1], after[1]))} of {len(before[1])}. The goal is 0.",
        "",
        "## The first comparison of a small fabric",
        "",
        f"From start to the first whole comparison of 57 objects with a NetBox that has none of them: {statistics.median(small):.2f} s "
        f"({min(small):.2f} to {max(small):.2f}). The goal is under 5 s.",
    ]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/release/fabric-sync")
    if not KEPT.exists():
        fill(program)
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    head = HEAD.format(date=today, machine=measure.machine(), load=measure.load())
    page = head + "\n" + "\n".join(map(measure.wrapped, figures(program))) + "\n"
    print(page)
    if NUMBERS == LARGE:
        PAGE.write_text(page)
        print(f"{PAGE.relative_to(ROOT)} is written")


main()
