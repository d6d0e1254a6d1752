"""Measures everything, prints it, and writes docs/benchmarks.md. `figures.py TARGET [checks|log|bundle|soundness ...]`
measures only those named and writes nothing."""

import datetime
import os
import subprocess
import sys

import bundle
import camera
import checks
import elsewhere
import latency
import log
import look
import measure
import report

HEAD = """\
# Figures

Made by `make bench` on {date} (UTC). Figures are shown, never asserted: another machine gives others. Each stands
beside a reference that was measured in the same run, turn by turn: compare the two, not the absolute times.

Machine: {machine}.
{load}
How to read it: wall time is that of the whole process, from its start to its exit, evidence written, signed and
durable. Given are the median of several runs after one that does not count, and the least and greatest. Processor time
counts every core and every process that was started; it tells more than wall time where something else runs. Peak
memory is the largest resident size of any of the processes, in MB (1e6 bytes).
"""


def processor_time():
    """All processor time since the boot, and that of it which the host of a virtual machine kept, in ticks."""
    with open("/proc/stat", encoding="ascii") as lines:
        ticks = [int(field) for field in next(lines).split()[1:9]]
    return sum(ticks), ticks[7]


def kept(before):
    """Says so if a host kept some of the processor time since then."""
    whole, stolen = (now - then for now, then in zip(processor_time(), before))
    if stolen < 0.01 * whole:
        return ""
    share = f"{100 * stolen / whole:.0f} %"
    return f"\nThis machine is virtual: while all this ran, its host kept {share} of the processor time for others.\n"


def soundness(target):
    # So many simulated runs a row; the same figures each time.
    program = [f"{target}/dist/examples/soundness", "200"]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()


def masking(target):
    program = [f"{target}/dist/examples/masking"]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()


# Title, what it is about, the function that measures it.
SECTIONS = {
    "checks": (
        "1,000 mixed checks beside goss",
        "Files, ports, processes, commands and kernel parameters, a fifth each; one in fifty is wrong on purpose. Both "
        "programs find just those. Probity writes and signs its evidence and derives report and verdict; goss v0.4.10 "
        "keeps nothing.",
        checks.figures,
    ),
    "elsewhere": (
        "1,000 mixed checks through observers",
        "The same checks; all three runs are made by a shell in a mount namespace of its own.",
        elsewhere.figures,
    ),
    "latency": (
        "Latencies beside vegeta",
        "A server that waits before each answer as a list says, the same for both, is asked ten times a second for 40 s, each time on a new "
        "connection, by vegeta v12.12.0 and by a probe of Probity's, turn by turn.",
        latency.figures,
    ),
    "log": ("Evidence log", "", log.figures),
    "bundle": ("`probity verify` of a bundle of 1 GB", "", bundle.figures),
    "audit": (
        "`probity audit` of reports of growing length",
        "Whole process, findings as JSON. Ordinary text is the sound reports of the labelled collection one after "
        "another, dense text those with a planted defect each, one every 490 bytes.",
        report.figures,
    ),
    "look": ("A look at a log of 1 GB", "", look.figures),
    "camera": ("Camera service", "", camera.figures),
    "masking": (
        "Masking secrets",
        "Processor time for each byte of a text, of two lengths, with one secret and with a hundred: linear, so the figures of a "
        "line are about the same. The last five texts are made to be slow; the last column is what a body of 16 MiB of them takes.",
        masking,
    ),
    "soundness": (
        "Soundness: how often a false rate claim is called `holds`",
        "The goal is at most 5 %, the error that a plan's confidence of 95 % allows.",
        soundness,
    ),
}


def main(target, wanted):
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    page = HEAD.format(date=today, machine=measure.machine(), load=measure.load())
    print(page, flush=True)
    before = processor_time()
    for name, (title, about, figures) in SECTIONS.items():
        if wanted and name not in wanted:
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        lines = [f"## {title}", ""] + ([about, ""] if about else []) + figures(target)
        section = "\n".join(map(measure.wrapped, lines)).rstrip() + "\n"
        print(section, flush=True)
        page += "\n" + section
    host = kept(before)
    print(host, flush=True)
    page += host
    if not wanted:
        with open("docs/benchmarks.md", "w", encoding="utf-8") as out:
            out.write(page)
        print("written: docs/benchmarks.md")


main(sys.argv[1], sys.argv[2:])
