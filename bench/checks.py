"""Mixed checks of files, ports, processes, commands and kernel parameters, by Probity and by goss.

One list of checks gives the plan and the gossfile. One check in fifty is wrong on purpose: both must find just those.
"""

import glob
import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess

import measure

PLAN = """\
plan: Mixed checks
probes:
  files: { file: $path, matrix: files.csv }
  ports: { port: $number, matrix: ports.csv }
  processes: { process: $name, matrix: processes.csv }
  commands: { command: { shell: "echo $said" }, impact: observe, matrix: commands.csv }
  parameters: { kernel-parameter: $name, matrix: parameters.csv }
claims:
  files_ok:
    of: files
    check: exists == there && (!there || mode == '644' && owner == who && size_bytes == size && sha256 == digest)
  ports_ok: { of: ports, check: listening == there }
  processes_ok: { of: processes, check: named_count > 0 == there }
  commands_ok: { of: commands, check: exit_code == 0 && stdout == heard }
  parameters_ok: { of: parameters, check: number == expected }
verdict:
  - label: ALL AS EXPECTED
    when: holds(files_ok) && holds(ports_ok) && holds(processes_ok) && holds(commands_ok) && holds(parameters_ok)
    accepted: true
  - { label: NOT AS EXPECTED }
"""

# What goss calls the kinds of check.
KINDS = {
    "files": "file",
    "ports": "port",
    "processes": "process",
    "commands": "command",
    "parameters": "kernel-param",
}


class Machine:
    """What the checks look at: files, listening ports and processes made for them, and the kernel's parameters."""

    def __init__(self, folder):
        self.folder = measure.fresh(folder)
        self.sockets, self.processes = [], []

    def __enter__(self):
        for number in range(20):
            listening = socket.create_server(("127.0.0.1", 0))
            self.sockets.append(listening)
            # A name of its own for each, as the kernel shows it (15 bytes at most).
            program = f"{self.folder}/bench-here-{number}"
            shutil.copy(shutil.which("sleep"), program)
            self.processes.append(subprocess.Popen([program, "100000"]))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        for listening in self.sockets:
            listening.close()

    def write(self, each):
        """Writes the plan, its matrices and the gossfile for so many checks of each kind; returns their folder."""
        folder = measure.fresh(f"{self.folder}/{each * 5}-checks")
        os.makedirs(f"{folder}/files")
        rows = {
            "files": [file(folder, n) for n in range(each)],
            "ports": self.ports(each),
            "processes": self.names(each),
            "commands": [command(n) for n in range(each)],
            "parameters": parameters(each),
        }
        with open(f"{folder}/plan.yaml", "w", encoding="utf-8") as plan:
            plan.write(PLAN)
        for name, table in rows.items():
            with open(f"{folder}/{name}.csv", "w", encoding="utf-8") as out:
                out.write(",".join(table[0]) + "\n")
                for row in table:
                    cells = (str(cell).lower() if isinstance(cell, bool) else str(cell) for cell in row.values())
                    out.write(",".join(cells) + "\n")
        with open(f"{folder}/goss.json", "w", encoding="utf-8") as out:
            json.dump({KINDS[name]: named(name, table) for name, table in rows.items()}, out)
        return folder

    def ports(self, each):
        open_ports = [listening.getsockname()[1] for listening in self.sockets]
        taken = set()
        for table in glob.glob("/proc/net/tcp*"):
            with open(table, encoding="ascii") as lines:
                taken |= {int(line.split()[1].split(":")[1], 16) for line in list(lines)[1:]}
        # Below the range from which the kernel gives ports to programs that ask for any.
        closed = (port for port in range(1, 32000) if port not in taken)
        rows = []
        for n in range(each):
            port = open_ports[n] if n < len(open_ports) else next(closed)
            rows.append({"number": port, "there": (n < len(open_ports)) != wrong(n)})
        return rows

    def names(self, each):
        here = len(self.processes)
        names = (f"bench-here-{n}" if n < here else f"bench-gone-{n}" for n in range(each))
        return [{"name": name, "there": (n < here) != wrong(n)} for n, name in enumerate(names)]


def wrong(n):
    return n % 50 == 7


def command(n):
    return {"said": f"line-{n}", "heard": "other" if wrong(n) else f"line-{n}"}


def named(name, table):
    """A table's rows as goss's checks, each with a name of its own."""
    return {f"{KINDS[name]}-{n}": GOSS[name](row) for n, row in enumerate(table)}


def file(folder, n):
    path, content = f"{folder}/files/{n}", f"file {n}\n".encode() * 100
    there = n % 10 != 3
    if there:
        with open(path, "wb") as out:
            out.write(content)
        os.chmod(path, 0o644)
    return {
        "path": path,
        "there": there,
        "who": pwd.getpwuid(os.getuid()).pw_name,
        "size": len(content) + wrong(n),
        "digest": hashlib.sha256(content).hexdigest(),
    }


def parameters(each):
    """Parameters that are one whole number and do not change by themselves."""
    found = []
    for path in sorted(path for part in ("kernel", "net/ipv4", "vm") for path in glob.glob(f"/proc/sys/{part}/*")):
        try:
            with open(path, encoding="ascii") as parameter:
                value = parameter.read().strip()
        except OSError:
            continue
        if value.lstrip("-").isdigit() and len(value) < 10 and not path.endswith("ns_last_pid"):
            found.append((path.removeprefix("/proc/sys/").replace("/", "."), int(value)))
    rows = (found[n % len(found)] for n in range(each))
    return [{"name": name, "expected": value + wrong(n), "number_of_row": n} for n, (name, value) in enumerate(rows)]


def goss_file(row):
    check = {"path": row["path"], "exists": row["there"]}
    if row["there"]:
        check |= {"mode": "0644", "owner": row["who"], "size": row["size"], "sha256": row["digest"]}
    return check


# A row as goss's check.
GOSS = {
    "files": goss_file,
    "ports": lambda row: {"port": f"tcp:{row['number']}", "listening": row["there"]},
    "processes": lambda row: {"comm": row["name"], "running": row["there"]},
    "commands": lambda row: {"exec": f"echo {row['said']}", "exit-status": 0, "stdout": [row["heard"]]},
    "parameters": lambda row: {"name": row["name"], "value": str(row["expected"])},
}


class Tools:
    """Both programs, each as a function that runs all the checks of a folder once."""

    def __init__(self, target):
        self.probity_path, self.goss_path = f"{target}/dist/probity", f"{target}/bench/goss"
        self.has_goss = os.path.exists(self.goss_path)
        self.home = measure.fresh(f"{target}/bench/home")

    def probity(self, folder):
        bundle = f"{folder}/checks.probity"
        shutil.rmtree(bundle, ignore_errors=True)
        env = {"PATH": os.environ["PATH"], "HOME": self.home}
        return measure.run([self.probity_path, "run", f"{folder}/plan.yaml", "-o", bundle], (0, 1), env)

    def goss(self, folder):
        return measure.run([self.goss_path, "-g", f"{folder}/goss.json", "validate"], (0, 1))

    def decided(self, folder):
        """By each program: how many checks are as expected and how many are not, by kind."""
        self.probity(folder)
        findings = json.load(open(f"{folder}/checks.probity/findings.json", encoding="utf-8"))["findings"]
        ours = {}
        for finding in findings:
            counts = finding["counts"]
            ours[KINDS[finding["of"]]] = (counts["successes"], counts["failures"])
        theirs = None
        if self.has_goss:
            validate = [self.goss_path, "-g", f"{folder}/goss.json", "validate", "--format", "json"]
            with open(f"{folder}/goss-result.json", "wb") as out:
                measure.run(validate, (0, 1), stdout=out)
            # goss counts every attribute; a check is as expected if all of its attributes are.
            results = json.load(open(f"{folder}/goss-result.json", encoding="utf-8"))["results"]
            failed, all_checks = set(), set()
            for result in results:
                check = result["resource-id"].split(":")[0]
                all_checks.add(check)
                if not result["successful"]:
                    failed.add(check)
            theirs = {}
            for kind in KINDS.values():
                of_kind = {check for check in all_checks if check.rsplit("-", 1)[0] == kind}
                theirs[kind] = (len(of_kind - failed), len(of_kind & failed))
        return ours, theirs


def figures(target, turns=31):
    """Measures 100, 1,000 and 10,000 checks. Returns the lines of the page."""
    tools, lines = Tools(target), []
    with Machine(f"{target}/bench/checks") as machine:
        sizes = {}
        for size in (100, 1000, 10_000):
            folder = f"{machine.folder}/{size}-checks"
            measure.in_child(lambda: machine.write(size // 5))
            measure.in_child(lambda: agree(tools, folder))
            programs = [lambda: tools.probity(folder)] + ([lambda: tools.goss(folder)] if tools.has_goss else [])
            sizes[size] = measure.alternate({100: 7, 1000: turns}.get(size, 3), *programs)
    header = ["checks", "program", "median ms", "least to greatest", "processor ms", "us a check", "peak MB"]
    lines += ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for size, results in sizes.items():
        for name, runs in zip(("Probity", "goss"), results):
            took = measure.middle(runs)
            cells = [f"{size:,}", name, f"{took * 1e3:.0f}", measure.spread(runs)]
            cells += [f"{measure.middle_cpu(runs) * 1e3:.0f}", f"{took / size * 1e6:.0f}", f"{measure.peak(runs):.0f}"]
            lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    if tools.has_goss:
        ratios = sorted(ours.seconds / theirs.seconds for ours, theirs in zip(*sizes[1000]))
        ratio = measure.middle(sizes[1000][0]) / measure.middle(sizes[1000][1])
        lines.append(
            f"* 1,000 checks: Probity takes {ratio:.2f} times goss's wall time (turn by turn {ratios[0]:.2f} to "
            f"{ratios[-1]:.2f}); the goal is at most 0.9."
        )
    lines.append(f"* Peak memory with 1,000 checks: {measure.peak(sizes[1000][0]):.0f} MB; the goal is below 60 MB.")
    for place, name in enumerate(("Probity", "goss") if tools.has_goss else ("Probity",)):
        took = {size: measure.middle(results[place]) for size, results in sizes.items()}
        change = (took[10_000] / 10_000) / (took[100] / 100) - 1
        few, many = (took[1000] - took[100]) / 900, (took[10_000] - took[1000]) / 9000
        lines.append(
            f"* Cost per check of {name} from 100 to 10,000: {change:+.0%}, start and end of the run shared out; each "
            f"further check costs {few * 1e6:.0f} us between 100 and 1,000 and {many * 1e6:.0f} us between 1,000 and "
            f"10,000 ({many / few - 1:+.0%})" + ("; the goal is within 20 %." if place == 0 else ".")
        )
    return lines


def agree(tools, folder):
    """Ends the benchmark if the two programs do not decide every check the same way."""
    ours, theirs = tools.decided(folder)
    if theirs is not None and ours != theirs:
        raise SystemExit(f"the programs decide differently (as expected, not):\nProbity {ours}\ngoss    {theirs}")
