"""A fabric sync that runs between a real Kubernetes API and a real NetBox, with a proxy before each, and what faults are seeded by."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

LAB = pathlib.Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(LAB), str(LAB / "kubernetes")]
sys.path.append(str(LAB / "netbox"))
import lab  # noqa: E402
from api import Api  # noqa: E402
from kinds import KINDS, VERSION  # noqa: E402
from netbox import SECRETS  # noqa: E402
from proxy import Proxy  # noqa: E402

# Two leaves, a spine, two servers, a VPC.
FABRIC = ("2", "1", "2", "1")
NAME, SITE = "lab", "Lab"
PKI = lab.TARGET / "kubernetes/pki"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/fabric-sync-lab"


class Script:
    """Servers that a script of the lab runs, until they are ended or this process ends."""

    def __init__(self, *command):
        self.child = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if not line:
            raise lab.Failure(f"{command[0]} did not start; it says why above")
        self.told = json.loads(line)

    def command(self, line):
        self.child.stdin.write(f"{line}\n")
        self.child.stdin.flush()
        if self.child.stdout.readline().strip() != "done":
            raise lab.Failure(f"`{line}` failed; the script says why above")

    def signal(self, name, number):
        """To one of its servers and what that started."""
        os.killpg(self.told["processes"][name], number)

    def end(self):
        self.child.stdin.close()
        self.child.wait()


class NetBox:
    """As its administrator."""

    def __init__(self, told):
        self.url, self.tokens = told["url"], told["tokens"]

    def ask(self, method, path, body=None):
        headers = {"Authorization": self.tokens["admin"], "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/{path}", json.dumps(body).encode() if body is not None else None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise lab.Failure(f"{method} {path}: {error.code} {error.read()[:300]!r}") from error
        return json.loads(text) if text else None

    def named(self, path, name):
        """The one object of a list that has this name."""
        found = self.ask("GET", f"{path}?{urllib.parse.urlencode({'name': name})}")["results"]
        if len(found) != 1:
            raise lab.Failure(f"{path} has {len(found)} objects named {name}")
        return found[0]

    def change(self, path, name, **fields):
        return self.ask("PATCH", f"{path}{self.named(path, name)['id']}/", fields)

    def first(self, path, **query):
        """The first object of a list that a query brings."""
        found = self.ask("GET", f"{path}?{urllib.parse.urlencode(query)}")["results"]
        if not found:
            raise lab.Failure(f"{path} has nothing with {query}")
        return found[0]


class Cluster:
    """As its administrator."""

    def __init__(self, told):
        self.api = Api(told["url"], told["certificate_authority"], told["tokens"]["admin"])

    @staticmethod
    def path(kind, name=""):
        group, plural, _ = KINDS[kind]
        return f"/apis/{group}/{VERSION}/namespaces/default/{plural}" + (f"/{name}" if name else "")

    def create(self, kind, name, **spec):
        body = {"apiVersion": f"{KINDS[kind][0]}/{VERSION}", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.api.request("POST", self.path(kind), body)

    def patch(self, path, body):
        self.api.request("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path):
        self.api.request("DELETE", path)


class World:
    """Everything, in a folder of `servers`. What is changed in `fabric` or `settings` before `start_sync` is what the sync is configured with."""

    def __init__(self, servers, kubernetes, netbox, program):
        self.servers, self.folder = servers, servers.folder
        self.kubernetes, self.netbox_servers = kubernetes, netbox
        self.cluster, self.netbox = Cluster(kubernetes.told), NetBox(netbox.told)
        self.before_kubernetes = Proxy(
            kubernetes.told["url"], lab.free_port(), kubernetes.told["certificate_authority"], PKI / "apiserver.crt", PKI / "apiserver.key"
        )
        self.before_netbox = Proxy(self.netbox.url, lab.free_port())
        self.home = self.folder / "home"
        for name in ("config", "state", "secrets"):
            (self.home / name).mkdir(parents=True)
        # A file of its own, by which its processes are told from those of another lab: a hard link would be the same file.
        self.program = self.folder / "fabric-sync"
        shutil.copy(program, self.program)
        self.status_url = f"http://127.0.0.1:{lab.free_port()}"
        # Where the plan looks: at the servers themselves, unless a fault has something stand between.
        self.shown_status, self.shown_netbox = self.status_url, self.netbox.url
        self.fabric = {
            "name": NAME,
            "site": SITE,
            "kubernetes": {"kubeconfig": str(self.write("secrets/kubeconfig", json.dumps(self.kubeconfig()))), "deadline": "5 s"},
            "interval": "5 s",
            "deletion": {"grace": "0 s"},
            "lease": {"duration": "6 s"},
        }
        self.set_token(self.netbox.tokens["fabric-sync"])
        self.environment = None
        self.log = self.folder / "fabric-sync.log"

    def kubeconfig(self):
        config = json.loads(pathlib.Path(self.kubernetes.told["kubeconfig"]).read_text())
        config["clusters"][0]["cluster"]["server"] = self.before_kubernetes.url
        return config

    def write(self, name, text, home=None):
        """Whole or not at all, as a secret's file is renewed."""
        path = (home or self.home) / name
        new = path.with_name(path.name + ".new")
        new.touch(mode=0o600)
        new.write_text(text)
        new.rename(path)
        return path

    def set_token(self, header):
        self.write("secrets/netbox-token", header.split()[-1])

    def configure(self, home, listen):
        config = {
            "netbox": {"url": self.before_netbox.url, "token_file": str(home / "secrets/netbox-token"), "deadline": "10 s", "requests_per_second": 1000},
            "fabrics": [self.fabric],
            "server": {"listen": listen.removeprefix("http://")},
        }
        # YAML is a superset of JSON.
        self.write("config/fabric-sync.yaml", json.dumps(config), home)

    def prepare(self):
        """The site, the custom fields and the tags of an empty NetBox."""
        self.netbox.ask("POST", "dcim/sites/", {"name": SITE, "slug": SITE.lower()})
        self.configure(self.home, self.status_url)
        admin = self.write("secrets/admin-token", self.netbox.tokens["admin"].split()[-1])
        lab.run([self.program, "--home", self.home, "prepare", "--token-file", admin])

    def start_sync(self):
        """Until it has compared both sides once."""
        self.configure(self.home, self.status_url)
        alive = self.servers.start("fabric-sync", [self.program, "--home", self.home, "run"], env=self.environment)
        lab.wait_until("fabric-sync has compared", lambda: self.says(lambda fabric: fabric["as_of"]), 120, alive)

    def says(self, condition):
        """Whether the sync answers, and that of its status is so."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.status_url}/status.json", timeout=5) as response:
            return condition(json.load(response)["fabrics"][0])
        return False

    def wait_until_in_sync(self):
        lab.wait_until("fabric-sync is in sync and leads", lambda: self.says(lambda fabric: fabric["summary"] == "in-sync" and fabric["leader"]), 240)

    def wait_for_comparison(self):
        """Until it has compared both sides whole that it read after this."""
        before = self.says(lambda fabric: fabric["whole_as_of"])
        for _ in range(2):
            lab.wait_until("fabric-sync has compared once more", lambda last=before: self.says(lambda fabric: fabric["whole_as_of"] != last), 60)
            before = self.says(lambda fabric: fabric["whole_as_of"])

    def signal_sync(self, number):
        os.kill(self.servers.processes()["fabric-sync"], number)

    def second_sync(self):
        """Another instance of the same program with the same configuration, but without a lease."""
        home = self.folder / "second"
        shutil.copytree(self.home, home, ignore=shutil.ignore_patterns("*.lock", "state"))
        (home / "state").mkdir()
        del self.fabric["lease"]
        self.configure(home, f"127.0.0.1:{lab.free_port()}")
        self.servers.start("second", [self.program, "--home", home, "run"])

    def inputs(self):
        """Those of plans/fabric-sync, but the secrets."""
        return {
            "kubernetes": self.kubernetes.told["url"],
            "authority": self.kubernetes.told["certificate_authority"],
            "netbox": self.shown_netbox,
            "status": self.shown_status,
            "fabric": NAME,
            "program": str(self.program),
            "home": str(self.home),
            "token_file": str(self.home / "secrets/netbox-token"),
            "journal": f"cat {self.log}",
        }


def ended(started):
    """Both scripts are ended at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(Script.end, started))


@contextlib.contextmanager
def world(program, data):
    """Fresh servers: the fabric, and a NetBox whose database is a copy of `data` or empty."""
    kept = ["--data", data] if data else []
    with lab.Servers("fabric-sync") as servers, concurrent.futures.ThreadPoolExecutor() as pool:
        commands = [LAB / "kubernetes/start", "--fabric", *FABRIC], [LAB / "netbox/start", *kept]
        started = [pool.submit(Script, *command) for command in commands]
        try:
            kubernetes, netbox = (future.result() for future in started)
            yield World(servers, kubernetes, netbox, program)
        finally:
            ended([future.result() for future in started if not future.exception()])
