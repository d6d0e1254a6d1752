"""A NetBox that syncs a data source each minute: a worker with its scheduler, a folder as the source, and all that docs/netbox.md says one has to give to see it."""

import json
import os
import pathlib
import shutil
import signal
import urllib.parse
import urllib.request

from netbox import PYTHON, NetBox, lab

PLUGINS = pathlib.Path(__file__).resolve().parent / "plugin"
EVERYTHING = ("high", "default", "low")


def _as_others():
    """Root reads what may not be read; a worker is not to."""
    return ["setpriv", "--pdeathsig", "KILL", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


class PeriodicSync(NetBox):
    def __init__(self, servers, token):
        super().__init__(servers)
        self.environment["PYTHONPATH"] = str(PLUGINS)
        self.token = token
        self.source = self.url = None
        self.files = self.folder / "source"
        # Its own copy of NetBox's program, by which its workers are told from those of another lab.
        self.program = self.folder / "netbox"
        shutil.copy(PYTHON.parent / "netbox", self.program)

    def start(self, first_run):
        """The server and a worker; the source, of which the first sync is over if there is one."""
        self.start_worker(*EVERYTHING)
        self.url = self.start_server(self.token)
        self.files.mkdir()
        self.source_file().write_text("site: lab\n")
        source = {"name": "lab", "type": "local", "source_url": str(self.files), "sync_interval": 1, "enabled": True}
        self.source = self.request("POST", "/api/core/data-sources/", source)["id"]
        if first_run:
            lab.wait_until("the first sync is over", lambda: self._source()["last_synced"] and self._idle(), 120)

    def source_file(self):
        """What is in the source from the beginning."""
        return self.files / "site.yaml"

    def start_worker(self, *queues):
        worker = [*_as_others(), PYTHON, self.program, "rqworker", *queues]
        alive = self.servers.start("worker", worker, env=self.environment)
        lab.wait_until("a worker has registered", lambda: int(self.redis("scard", f"rq:workers:{queues[0]}")), 120, alive)

    def scheduler(self):
        """The number of the process that the worker has started to plan runs, or None while there is none."""
        worker = self.servers.processes()["worker"]
        children = pathlib.Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        living = [child for child in children if "\nState:\tZ" not in pathlib.Path(f"/proc/{child}/status").read_text()]
        return int(living[0]) if living else None

    def hold(self, statements):
        """A session in the database that lasts."""
        psql = [lab.debian("psql"), "-h", self.folder, "-U", "netbox", "-d", "netbox", "-c", statements]
        self.servers.start("session", psql, signal.SIGKILL, env=os.environ | lab.debian_libraries())
        lock = "SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'core_datasource'::regclass"
        lab.wait_until("the session has its lock", lambda: "1 row" in self.on_databases("psql", "-d", "netbox", "-c", lock), 20)

    def request(self, method, path, body=None):
        headers = {"Authorization": self.token, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def _source(self):
        return self.request("GET", f"/api/core/data-sources/{self.source}/")

    def _idle(self):
        """Nothing waits in the queue or is under way."""
        return int(self.redis("llen", "rq:queue:default")) == 0 == int(self.redis("zcard", "rq:wip:default"))

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
        return {
            "url": self.url,
            "source": str(self.source),
            "folder": str(self.files),
            "redis": str(self.folder / "redis"),
            "python": PYTHON.resolve().name,
            "netbox": str(self.program),
        }

    def database(self):
        return f"host={self.folder} dbname=netbox user=monitor"
