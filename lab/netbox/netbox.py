"""One NetBox of plain processes: PostgreSQL and Redis on Unix sockets of its own folder, NetBox on a free port of the loopback.

PostgreSQL's folder is a copy of one that lab/netbox/build made (or that an earlier run saved), so no migration runs here.
"""

import json
import os
import pathlib
import shutil
import signal
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import lab  # noqa: E402

VERSION = os.environ.get("NETBOX_VERSION", "4.7.3")
HERE = lab.TARGET / (f"netbox-{VERSION}" if "NETBOX_VERSION" in os.environ else "netbox")
PYTHON = HERE / "venv/bin/python"
EMPTY = HERE / "empty"
SECRETS = HERE / "secrets.json"

CONFIGURATION = """\
ALLOWED_HOSTS = ['*']
DATABASES = {{'default': {{'ENGINE': 'django.db.backends.postgresql', 'NAME': 'netbox', 'USER': 'netbox', 'HOST': {folder!r},
             'CONN_MAX_AGE': 300, 'CONN_HEALTH_CHECKS': True}}}}
REDIS = {{'tasks': {{'URL': 'unix://{folder}/redis?db=0', 'SSL': False}}, 'caching': {{'URL': 'unix://{folder}/redis?db=1'}}}}
SECRET_KEY = {secret_key!r}
API_TOKEN_PEPPERS = {{1: {pepper!r}}}
ISOLATED_DEPLOYMENT = True
CENSUS_REPORTING_ENABLED = False
METRICS_ENABLED = False
"""


def _not_root():
    """PostgreSQL refuses to run as root; then it is root by another number, which still reads root's files."""
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []


def initdb(folder):
    """An empty cluster whose only user is `netbox`, reached by its socket alone."""
    options = ["-A", "trust", "-U", "netbox", "-E", "UTF8", "--locale=C", "-N", "-D", folder]
    lab.run([*_not_root(), lab.debian("initdb"), *options], env=os.environ | lab.debian_libraries())


class NetBox:
    """Its programs are started by the methods, in their order, within `servers`."""

    def __init__(self, servers):
        self.servers = servers
        self.folder = servers.folder
        self.environment = os.environ | {"NETBOX_ROOT": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def start_stores(self, data):
        """PostgreSQL on a copy of `data`, and an empty Redis."""
        lab.run(["cp", "-a", "--reflink=auto", data, self.folder / "data"])
        libraries = os.environ | lab.debian_libraries()
        quick = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses="]
        settings = [word for setting in quick for word in ("-c", setting)]
        # Another user namespace forgets whom a process is to end with, so it is told again within.
        postgres = [*_not_root(), "setpriv", "--pdeathsig", "QUIT", lab.debian("postgres")]
        alive = self.servers.start(
            "postgres", [*postgres, "-D", self.folder / "data", "-k", self.folder, *settings], signal.SIGINT, env=libraries
        )
        lab.wait_until("PostgreSQL answers", self._postgres_answers, 60, alive)
        redis = ["--port", "0", "--unixsocket", self.folder / "redis", "--save", "", "--appendonly", "no", "--dir", self.folder]
        alive = self.servers.start("redis", [lab.debian("redis-server"), *redis], env=os.environ | lab.debian_libraries())
        lab.wait_until("Redis listens", (self.folder / "redis").exists, 20, alive)

    def _postgres_answers(self):
        ready = self.folder / "data/postmaster.pid"
        # Its last line says what it does: https://www.postgresql.org/docs/15/storage-file-layout.html
        return ready.exists() and ready.read_text().splitlines()[-1:] == ["ready   "]

    def on_databases(self, program, *arguments):
        return lab.run([lab.debian(program), "-h", self.folder, "-U", "netbox", *arguments], env=os.environ | lab.debian_libraries())

    def create_database(self):
        self.on_databases("createdb", "netbox")

    def keep_pristine(self):
        """What `reset` goes back to."""
        self.on_databases("createdb", "--template=netbox", "pristine")

    def reset(self):
        """The database as lab/netbox/build made it, under the server that runs: its connections break, and it makes new ones."""
        self.on_databases("dropdb", "--force", "netbox")
        self.on_databases("createdb", "--template=pristine", "netbox")
        self.redis("flushall")

    def redis(self, *arguments):
        """What Redis replies to a command."""
        return lab.run([lab.debian("redis-cli"), "-s", self.folder / "redis", *arguments], env=os.environ | lab.debian_libraries()).strip()

    def configure(self, secrets):
        (self.folder / "conf").mkdir()
        for name in ("media", "reports", "scripts", "static"):
            (self.folder / name).mkdir()
        text = CONFIGURATION.format(folder=str(self.folder), **{name: secrets[name] for name in ("secret_key", "pepper")})
        (self.folder / "conf/configuration.py").write_text(text)

    def command(self, *arguments, **options):
        """One of NetBox's own commands; its output."""
        return lab.run([PYTHON, "-m", "netbox", *arguments], env=self.environment, **options)

    def start_server(self, token):
        """NetBox's web server; its address, where its API answers."""
        port = lab.free_port()
        options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4", "--timeout", "600", "--no-control-socket", "netbox.wsgi"]
        alive = self.servers.start("netbox", [PYTHON, "-m", "gunicorn", *options], env=self.environment)
        url = f"http://127.0.0.1:{port}"
        wait_until_answers(url, token, alive)
        return url

    def save(self, folder):
        """PostgreSQL's folder as a start for others. The server is ended for it, in order."""
        for name in self.servers.processes():
            if name != "redis":
                self.servers.end(name)
        new = pathlib.Path(f"{folder}.new")
        shutil.rmtree(new, ignore_errors=True)
        lab.run(["cp", "-a", self.folder / "data", new])
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def wait_until_answers(url, token, alive=lambda: None):
    def answers():
        request = urllib.request.Request(f"{url}/api/status/", headers={"Authorization": token})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status == 200
        except OSError:
            return False

    lab.wait_until("NetBox answers", answers, 180, alive)


def secrets():
    return json.loads(SECRETS.read_text())
