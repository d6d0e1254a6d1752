"""The 1,000 mixed checks made here, through an observer in the namespaces of a process, and through one over ssh(1) to this machine."""

import os
import pathlib
import shutil
import socket
import sys

import checks
import measure

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))
import lab  # noqa: E402

# As root sshd wants a folder and a user of the system's, which are there only for it.
SERVER = """mount -t tmpfs none /run; mkdir /run/sshd
{ cat /etc/passwd; echo sshd:x:64022:65534::/run/sshd:/bin/false; } >/run/passwd
mount --bind /run/passwd /etc/passwd; exec "$@"
"""
# ssh(1) asks the system where its user's home is.
CLIENT = 'mount -t tmpfs none /root; mkdir -m 700 /root/.ssh; cp "$1" /root/.ssh/config; shift; exec "$@"'


class Sshd:
    """An sshd of Debian's on a free port, and the configuration of a client that may go there, as `box`. Whoever comes finds what is built."""

    def __init__(self, servers, target):
        self.folder = servers.folder
        for key in ("host", "user"):
            lab.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key])
        port = lab.free_port()
        key = " ".join((self.folder / "host.pub").read_text().split()[:2])
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}\n")
        (self.folder / "config").write_text(
            f"Host box\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile {self.folder}/user\n"
            f"  UserKnownHostsFile {self.folder}/known_hosts\n"
        )
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{port}\nHostKey {self.folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/user.pub\nSetEnv PATH={target}/dist:/usr/bin:/bin\n"
        )
        words = ["unshare", "--mount", "sh", "-ec", SERVER, "sh", lab.debian("sshd"), "-D", "-e", "-f", self.folder / "sshd_config"]
        alive = servers.start("sshd", words, env=os.environ | lab.debian_libraries())
        lab.wait_until("sshd listens", lambda: answers(port), 20, alive)


def answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Ways:
    """Who looks, each as the plan's observer: nobody but us, and two who are elsewhere."""

    def __init__(self, tools, sshd, pid):
        self.tools = tools
        self.observers = {"here": None, "in the namespaces of a process": f"{{ pid: {pid} }}", "over ssh to this machine": "{ ssh: box }"}
        self.enter = ["unshare", "--mount", "sh", "-ec", CLIENT, "sh", f"{sshd.folder}/config"]
        self.env = {"PATH": os.environ["PATH"], "HOME": tools.home}

    def runs(self, folder):
        """Each a function that makes the checks of a folder once."""
        with open(f"{folder}/plan.yaml", encoding="utf-8") as plan:
            here = plan.read()
        return [self.run(folder, here, number, observer) for number, observer in enumerate(self.observers.values())]

    def run(self, folder, here, number, observer):
        if observer is not None:
            here = here.replace("probes:\n", f"observers: {{ there: {observer} }}\nprobes:\n", 1).replace(".csv }", ".csv, on: there }")
        path, bundle = f"{folder}/plan-{number}.yaml", f"{folder}/{number}.probity"
        with open(path, "w", encoding="utf-8") as out:
            out.write(here)

        def run():
            shutil.rmtree(bundle, ignore_errors=True)
            return measure.run([*self.enter, self.tools.probity_path, "run", path, "-o", bundle], (0, 1), self.env)

        return run


def figures(target, turns=11):
    """Returns the lines of the page."""
    tools, sizes = checks.Tools(target), {}
    with checks.Machine(f"{target}/bench/elsewhere") as machine, lab.Servers("elsewhere") as servers:
        servers.start("away", ["unshare", "--mount", "--uts", "sleep", "100000"])
        ways = Ways(tools, Sshd(servers, target), servers.processes()["away"])
        for size in (5, 1000):
            measure.in_child(lambda: machine.write(size // 5))
            sizes[size] = measure.alternate(turns, *ways.runs(f"{machine.folder}/{size}-checks"))
    header = ["who looks", "5 checks, median ms", "1,000 checks", "least to greatest", "processor ms", "times as long as here", "the checks alone"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    few, many = ([measure.middle(runs) for runs in sizes[size]] for size in (5, 1000))
    for number, name in enumerate(ways.observers):
        alone = (many[number] - few[number]) / (many[0] - few[0])
        runs = sizes[1000][number]
        cells = [name, f"{few[number] * 1e3:.0f}", f"{many[number] * 1e3:.0f}", measure.spread(runs), f"{measure.middle_cpu(runs) * 1e3:.0f}"]
        lines.append("| " + " | ".join([*cells, f"{many[number] / many[0]:.2f}", f"{alone:.2f}"]) + " |")
    goals = "The goals are at most 1.2 times as long in namespaces and 1.5 times over ssh on loopback."
    return lines + ["", f"* {goals} The last column leaves out the way there, which each run finds anew: it is the time from 5 to 1,000 checks."]
