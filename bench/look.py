"""A look at a log of 1 GB: at its last hundredth, and at the whole of it beside grep."""

import datetime
import json
import os
import shutil
import statistics

import measure

LINES_A_SECOND, PATTERN = 10, "ERROR|panic"

PLAN = """\
plan: A long log
probes:
  last: {{ log: {path}, match: '{pattern}', since: {last}s, timeout: 10m }}
  whole: {{ log: {path}, match: '{pattern}', since: {whole}s, timeout: 10m }}
claims:
  last_seen: {{ of: last, check: at_least > 0 && window_covered }}
  whole_seen: {{ of: whole, check: at_least > 0 }}
verdict:
  - {{ label: SEEN, when: holds(last_seen) && holds(whole_seen), accepted: true }}
  - {{ label: NOT SEEN }}
"""


def write(path, size):
    """Lines as services write them, ten a second, one in a thousand of them an error; until now. Returns the seconds."""
    text = "host app[4711]: GET /usr/share/doc/thing-{} took 17 ms, status=200 and some more words"
    each = len("2026-01-31T23:59:59Z \n") + len(text) - 2 + 3
    seconds = size // (each * LINES_A_SECOND)
    begun = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
    with open(path, "w", encoding="ascii") as out:
        for second in range(seconds):
            at = (begun + datetime.timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
            words = (text.format(100 + line) for line in range(LINES_A_SECOND - 1))
            last = "host app[4711]: ERROR no answer" if second % 100 == 0 else text.format(999)
            out.write("".join(f"{at} {line}\n" for line in (*words, last)))
    return seconds


def look(target, plan, bundle):
    """How long each look took, in seconds, by probe."""
    shutil.rmtree(bundle, ignore_errors=True)
    home = f"{target}/bench/look-home"
    os.makedirs(home, exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": home}
    measure.run([f"{target}/dist/probity", "run", plan, "-o", bundle], (0,), env)
    took = {}
    with open(f"{bundle}/evidence.jsonl", encoding="utf-8") as log:
        for entry in map(json.loads, log):
            if entry["type"] == "observation":
                took[entry["probe"]] = entry["duration_us"] / 1e6
    return took


def figures(target, size=1_000_000_000, turns=5):
    """Returns the lines of the page."""
    folder = measure.fresh(f"{target}/bench/look")
    path, plan = f"{folder}/app.log", f"{folder}/plan.yaml"
    seconds = write(path, size)
    with open(plan, "w", encoding="utf-8") as out:
        out.write(PLAN.format(path=path, pattern=PATTERN, last=seconds // 100, whole=seconds + 3600))
    grep = ["grep", "-cE", PATTERN, path]
    # So that none of them pays for reading from the disk.
    measure.run(["cat", path], (0,))
    looks, greps = [], []
    # Into a file: grep ends with the first match where it sees that nobody reads what it says.
    with open(f"{folder}/counted", "wb") as counted:
        for _ in range(turns):
            looks.append(look(target, plan, f"{folder}/looks.probity"))
            greps.append(measure.run(grep, (0,), {"PATH": os.environ["PATH"], "LC_ALL": "C"}, counted).seconds)
    megabytes = os.path.getsize(path) / 1e6
    os.remove(path)

    def row(name, values):
        return f"| {name} | {statistics.median(values) * 1e3:,.1f} | {min(values) * 1e3:,.1f} to {max(values) * 1e3:,.1f} |"

    whole, last = [took["whole"] for took in looks], [took["last"] for took in looks]
    ratio = statistics.median(whole) / statistics.median(greps)
    return [
        f"A file of {megabytes:,.0f} MB that is in memory; `{PATTERN}` stands in one line of a thousand.",
        "",
        "| | median ms | least to greatest |",
        "|---|---|---|",
        row("a look at the last hundredth", last),
        row("a look at the whole", whole),
        row("`LC_ALL=C grep -cE` over the whole", greps),
        "",
        f"* The last hundredth: {statistics.median(last) * 1e3:.0f} ms; the goal is below 100 ms.",
        f"* The whole takes {ratio:.2f} times what grep takes; the goal is at most 1.5.",
    ]
