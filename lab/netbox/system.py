"""A NetBox that syncs a data source each minute, on a booted machine of its own: lab/machine with the image of lab/netbox/image."""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

from netbox import lab, wait_until_answers

HERE = pathlib.Path(__file__).resolve().parent
MACHINE = HERE.parent / "machine"
SOURCE = "/srv/netbox-source"
CLONE_NEWNET = 0x40000000
WORKER = "netbox-rq"


class System:
    """It and all that docs/netbox.md says one has to give to see it; ended when the `with` is left, or with this process."""

    def __init__(self):
        self.name = f"netbox-{os.getpid()}"
        self.root = lab.TARGET / "machines" / self.name / "root"
        """The machine's files, as this system has them."""
        self.seconds = {}
        """After how many seconds from `up` on what was so."""
        self.source = None
        self._resources = contextlib.ExitStack()

    def __enter__(self):
        lab.run([MACHINE, "base", "netbox"])
        began = time.monotonic()
        with self._resources as resources:
            keeper = subprocess.Popen([MACHINE, "keep", "netbox", self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            resources.callback(keeper.wait)
            resources.callback(keeper.stdin.close)
            line = keeper.stdout.readline()
            if not line:
                raise lab.Failure("the machine did not boot: lab/machine says why above")
            reached = json.loads(line)
            self.pid, self.outside, self.url = reached["pid"], reached["outside"], f"http://{reached['address']}:8000"
            self.seconds["booted"] = time.monotonic() - began
            given = json.loads((self.root / "root/lab.json").read_text())
            self.tokens, self.database = given["tokens"], f"host=127.0.0.1 dbname=netbox user=monitor password={given['monitor']}"
            # From here on this process is in the network from which the machine is reached.
            with open(f"/run/netns/{self.outside}") as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                    raise lab.Failure(f"the network {self.outside} cannot be entered: {os.strerror(ctypes.get_errno())}")
            self.wait_until_answers()
            self.seconds["answers"] = time.monotonic() - began
            self.wait_until_served("default")
            self.seconds["served"] = time.monotonic() - began
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_):
        self._resources.close()

    def sync(self, first_run=True, **otherwise):
        """Gives it a source that is synced each minute; the first sync is then over, if there is one."""
        self.file().write_text("site: lab\n")
        self.source = self.add_source("lab", **otherwise)
        if first_run:
            lab.wait_until("the first sync is over", lambda: self._source()["last_synced"] and self._idle(), 120)

    def add_source(self, name, **otherwise):
        source = {"name": name, "type": "local", "source_url": SOURCE, "sync_interval": 1, "enabled": True, **otherwise}
        return self.request("POST", "/api/core/data-sources/", source)["id"]

    def file(self):
        """What is in the source from the beginning."""
        return self.root / SOURCE.removeprefix("/") / "site.yaml"

    def configure(self, settings):
        """More lines of NetBox's configuration, and the plugins that they may name."""
        # A job that is cut off would count as one that failed; a scheduler that has only begun may leave its locks behind, and then the next worker has none.
        lab.wait_until("the worker waits for work", lambda: self._idle() and self.redis("keys", "rq:scheduler:*"), 120)
        packages = next((self.root / "opt/netbox/venv/lib").glob("python3*/site-packages"))
        shutil.copytree(HERE / "plugin", packages, dirs_exist_ok=True)
        with (self.root / "opt/netbox/conf/configuration.py").open("a") as file:
            file.write(settings)
        self.systemctl("restart", "netbox", WORKER)
        self.wait_until_answers()
        self.wait_until_served("default")

    def change_worker(self, *settings):
        """More lines in the section `[Service]` of the worker's unit, which is restarted with them."""
        folder = self.root / f"etc/systemd/system/{WORKER}.service.d"
        folder.mkdir()
        (folder / "changed.conf").write_text("\n".join(["[Service]", *settings, ""]))
        self.systemctl("daemon-reload")
        self.systemctl("restart", WORKER)

    def run_worker(self, arguments):
        """A worker with other arguments."""
        self.change_worker("ExecStart=", f"ExecStart=/opt/netbox/venv/bin/netbox rqworker {arguments}")

    def inside(self, *arguments):
        """What a command prints that root runs on the machine."""
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        return lab.run(["nsenter", "-t", str(self.pid), "-a", "env", "-i", path, "LC_ALL=C.UTF-8", *arguments]).strip()

    def later(self, seconds, *arguments):
        """Runs a command there after so long."""
        self.inside("systemd-run", "--quiet", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms", *arguments)

    def systemctl(self, *arguments):
        return self.inside("systemctl", *arguments)

    def redis(self, *arguments):
        """What Redis replies to a command."""
        return self.inside("redis-cli", *arguments)

    def psql(self, statement):
        return self.inside("runuser", "-u", "postgres", "--", "psql", "-At", "-d", "netbox", "-c", statement)

    def scheduler(self):
        """The number, on the machine, of the process that the worker has started to plan runs, or None while there is none."""
        worker = self.systemctl("show", "--property=MainPID", "--value", WORKER)
        # A process that has ended and one without children are no failure.
        children = self.inside("sh", "-c", f"ps -o pid=,stat= --ppid {worker} || true").splitlines()
        return next((int(number) for number, state in map(str.split, children) if not state.startswith("Z")), None)

    def hold_lock(self):
        """Somebody else's transaction, which reading does not notice."""
        statements = "BEGIN; LOCK TABLE core_datasource IN EXCLUSIVE MODE; SELECT pg_sleep(3600)"
        self.inside("systemd-run", "--quiet", "--unit=session", "runuser", "-u", "postgres", "--", "psql", "-d", "netbox", "-c", statements)
        lock = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'core_datasource'::regclass"
        lab.wait_until("the session has its lock", lambda: self.psql(lock) == "1", 20)

    def wait_until_answers(self):
        wait_until_answers(self.url, self.tokens["admin"])

    def wait_until_served(self, queue):
        lab.wait_until(f"a worker has registered for {queue}", lambda: self.redis("scard", f"rq:workers:{queue}") != "0", 120)

    def request(self, method, path, body=None):
        headers = {"Authorization": self.tokens["admin"], "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def _source(self):
        return self.request("GET", f"/api/core/data-sources/{self.source}/")

    def _idle(self):
        """Nothing waits in a queue or is under way."""
        return all(self.redis("llen", f"rq:queue:{queue}") == "0" == self.redis("zcard", f"rq:wip:{queue}") for queue in ("high", "default", "low"))

    def jobs(self, condition):
        """The source's jobs of which that is so."""
        query = urllib.parse.urlencode({"object_type": "core.datasource", "object_id": self.source})
        return self.request("GET", f"/api/core/jobs/?{query}&{condition}")["results"]

    def run_sync_now(self):
        """With its interval, by which NetBox plans it anew when that changes."""
        for minutes in (60, 1):
            self.request("PATCH", f"/api/core/data-sources/{self.source}/", {"sync_interval": minutes})

    def inputs(self):
        """Those of plans/netbox-periodic-sync, but the secrets."""
        python = pathlib.Path(self.inside("readlink", "-f", "/opt/netbox/venv/bin/python"))
        return {"url": self.url, "source": str(self.source), "machine": self.name, "python": python.name, "netbox": "/opt/netbox/venv/bin/netbox"}
