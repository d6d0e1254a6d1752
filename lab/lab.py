"""What the lab's servers have in common: programs that never outlive this one, free ports, waiting for a condition.

A lab script starts its servers, prints one line of JSON that tells how to reach them, and ends them all when its standard input
closes or it gets TERM or INT. It knows nothing of Kubernetes or NetBox.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "target" / "lab"
PR_SET_PDEATHSIG = 1
# Below the range from which the kernel takes ports for outgoing connections, so that none is taken between choice and use.
PORTS = range(20000, 32000)


class Failure(Exception):
    """What went wrong, as a sentence for a person."""


def free_port():
    """A TCP port on which nothing listens."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("no free port in 100 tries")


def wait_until(what, condition, seconds, alive=lambda: None):
    """Asks until `condition()` is true. `alive()` raises if there is nothing to wait for any more."""
    end = time.monotonic() + seconds
    while not condition():
        alive()
        if time.monotonic() > end:
            raise Failure(f"after {seconds} s still not: {what}")
        time.sleep(0.05)


def run(arguments, **options):
    """A program that must succeed; its output, or a failure with the end of what it said."""
    done = subprocess.run([str(a) for a in arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise Failure(f"{arguments[0]} ended with status {done.returncode}: {said}")
    return done.stdout


def debian(name):
    """A program of Debian's: as scripts/debian-tools unpacked it, or as installed."""
    unpacked = ROOT / "target" / "debian"
    folders = [unpacked / "usr/bin", unpacked / "usr/sbin", *sorted((unpacked / "usr/lib/postgresql").glob("*/bin"))]
    folders += [pathlib.Path(folder) for folder in os.environ["PATH"].split(":")]
    folders += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise Failure(f"there is no `{name}`; scripts/debian-tools unpacks it")


def debian_libraries():
    """The environment in which programs unpacked by scripts/debian-tools find their libraries."""
    folders = sorted((ROOT / "target/debian/usr/lib").glob("*-linux-gnu"))
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}


def _end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Servers:
    """Programs of one folder, ended in reverse order when the `with` is left; the folder is then deleted."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"lab-{name}-"))
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in [name for name, _, _ in reversed(self.children)]:
            self.end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, arguments, farewell=signal.SIGTERM, **options):
        """Starts a program in a process group of its own, its output in NAME.log; returns what raises once it has ended."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self.folder, preexec_fn=_end_with_parent, process_group=0, **options,
            )
        self.children.append((name, child, farewell))

        def alive():
            if child.poll() is not None:
                end = "\n".join(log.read_text(errors="replace").strip().splitlines()[-15:])
                raise Failure(f"{name} ended with status {child.returncode}: {end}")

        return alive

    def end(self, name):
        """Ends one program: as it likes it, by force after 20 s. A stopped one is continued first."""
        child, farewell = next((child, farewell) for other, child, farewell in self.children if other == name)
        self.children = [entry for entry in self.children if entry[1] is not child]
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGCONT)
            child.send_signal(farewell)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
        child.wait()
        # What it started and left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def processes(self):
        return {name: child.pid for name, child, _ in self.children}


def serve(servers, reached, commands=None):
    """Prints how the servers are reached, and waits until standard input closes or a signal comes.

    `commands` are carried out as they come by standard input, a line each, by name and with the rest of the line as argument; each is
    answered by a line.
    """
    print(json.dumps({**reached, "folder": str(servers.folder), "processes": servers.processes()}), flush=True)
    lines = queue.SimpleQueue()

    def read():
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        # Without a time-out, a signal would not be seen until a line comes.
        try:
            line = lines.get(timeout=0.2)
        except queue.Empty:
            continue
        if line is None:
            return
        name, *arguments = line.split(maxsplit=1) or [""]
        if name not in (commands or {}):
            raise Failure(f"`{name}` is no command; there are: {', '.join(commands or {}) or 'none'}")
        commands[name](*map(str.strip, arguments))
        print("done", flush=True)


def main(body):
    """Runs `body`; a signal or a failure leaves every `with` in order."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        body()
    except Failure as failure:
        print(f"{pathlib.Path(sys.argv[0]).name}: {failure}", file=sys.stderr)
        sys.exit(1)
