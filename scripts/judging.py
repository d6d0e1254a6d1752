"""What scripts that seed faults and have Probity judge them have in common: what came of a run, and which claims turned."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

# The status of a run that had to be ended, as it had not come to its end in time.
LATE = 124
# A run that is asked to end may take this long to write down what it saw and to take away what it made, in seconds.
FAREWELL = 120


class Judged:
    """What came of one run."""

    def __init__(self, status, seconds, findings):
        self.status, self.seconds = status, seconds
        self.outcomes = {finding["claim"]: finding["outcome"] for finding in findings.get("findings", [])}
        verdict = findings.get("verdict", {})
        self.label = verdict.get("label") or " or ".join(verdict.get("possible", [])) or "no verdict"


def made_of(programs, files):
    """What a judgement rests on, as one digest: programs by size and time, files by their content."""
    digest = hashlib.sha256()
    for program in programs:
        stat = program.stat()
        digest.update(f"{program.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def kept(bundle, of):
    """What came of it when it was judged before, of the same; None if it was not."""
    file, times = bundle / "findings.json", bundle.with_suffix(".json")
    if not file.exists() or not times.exists():
        return None
    came = json.loads(times.read_text())
    return Judged(came["status"], came["seconds"], json.loads(file.read_text())) if came.get("made_of") == of else None


def run(command, patience, said, **options):
    """Its exit status; `LATE` if it had to be ended after `patience` seconds, with all that it started in its session."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, **options)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return LATE


def judge(bundle, of, command, patience, **options):
    """Runs `command`, which is to write `bundle` within `patience` seconds; `of` is what the judgement rests on."""
    file, times = bundle / "findings.json", bundle.with_suffix(".json")
    shutil.rmtree(bundle, ignore_errors=True)
    times.unlink(missing_ok=True)
    began = time.monotonic()
    with bundle.with_suffix(".txt").open("w") as said:
        status = run(command, patience, said, **options)
    seconds = time.monotonic() - began
    times.write_text(json.dumps({"status": status, "seconds": seconds, "made_of": of}))
    return Judged(status, seconds, json.loads(file.read_text()) if file.exists() else {})


def turned(sound, judged):
    """The claims that hold of the sound system and fail of this one; and those that cannot be told of it any more."""
    fails = [claim for claim, outcome in sound.outcomes.items() if outcome == "holds" and judged.outcomes.get(claim) == "fails"]
    lost = [claim for claim, outcome in sound.outcomes.items() if outcome == "holds" and judged.outcomes.get(claim) == "undetermined"]
    return fails, lost


def shown(claims, most=6):
    words = ", ".join(f"`{claim}`" for claim in claims[:most])
    return words + (f" and {len(claims) - most} more" if len(claims) > most else "") if claims else ""


def not_held(said):
    """What the run's own text says of the claims that do not hold, without the rest of it."""
    return "\n".join(re.findall(r"^(?:fails|undetermined) .*(?:\n +.*)*", said, re.M))
