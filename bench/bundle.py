"""`probity verify` of a large bundle, recomputation included, beside `sha256sum` over the same files."""

import json
import os
import shutil

import measure

# Half the bytes in entries of about 1 kB, half in artifacts.
ENTRY_BYTES, HALF = 1000, 500_000_000

PLAN = """\
plan: A large bundle
probes:
  looks: {{ file: {file}, repeat: {looks}, keep: all }}
  outputs:
    command: {{ shell: "head -c {output} /dev/urandom | base64 -w 0" }}
    repeat: {outputs}
    impact: observe
    keep: all
claims:
  seen: {{ of: looks, check: exists && size_bytes > 0 }}
  often: {{ of: looks, check: mode == '644', share: ">= 95%" }}
  printed: {{ of: outputs, check: exit_code == 0 }}
verdict:
  - {{ label: READY, when: holds(seen) && holds(often) && holds(printed), accepted: true }}
  - {{ label: NOT READY }}
"""


def make(target, folder, name, looks, outputs, content):
    """A real run. The number of artifacts is twice that of the outputs: the text and its lines."""
    path = f"{folder}/looked-at"
    with open(path, "w", encoding="utf-8") as out:
        out.write("x" * content)
    os.chmod(path, 0o644)
    plan = f"{folder}/{name}.yaml"
    with open(plan, "w", encoding="utf-8") as out:
        out.write(PLAN.format(file=path, looks=looks, outputs=outputs, output=750_000))
    bundle = f"{folder}/{name}.probity"
    shutil.rmtree(bundle, ignore_errors=True)
    arguments = [f"{target}/dist/probity", "run", plan, "-o", bundle, "--max-size", "4096", "--format", "json"]
    return bundle, measure.run(arguments, (0,), environment(target))


def environment(target):
    return {"PATH": os.environ["PATH"], "HOME": f"{target}/bench/bundle-home"}


def large(target, folder):
    """The bundle of about 1 GB, made once and kept; another program or half of it makes it anew."""
    program = os.stat(f"{target}/dist/probity")
    made_by = {"size": program.st_size, "modified": program.st_mtime_ns}
    bundle, note = f"{folder}/large.probity", f"{folder}/made.json"
    if os.path.exists(note) and os.path.exists(f"{bundle}/checkpoint.sig"):
        if json.load(open(note, encoding="utf-8")) == made_by:
            return bundle, None
    measure.fresh(folder)
    os.makedirs(f"{target}/bench/bundle-home", exist_ok=True)
    # The facts hold the content twice, as text and as lines: look at a few entries, then choose its length.
    small, _ = make(target, folder, "small", 200, 1, 1)
    with open(f"{small}/evidence.jsonl", "rb") as log:
        lengths = [len(line) for line in log if b'"probe":"looks"' in line]
    content = max(1, (ENTRY_BYTES - sum(lengths) // len(lengths)) // 2)
    bundle, took = make(target, folder, "large", HALF // ENTRY_BYTES, HALF // 2_000_000, content)
    with open(note, "w", encoding="utf-8") as out:
        json.dump(made_by, out)
    return bundle, took


def figures(target, turns=5):
    """Returns the lines of the page."""
    bundle, made = large(target, f"{target}/bench/bundle")
    files = [os.path.join(place, name) for place, _, names in os.walk(bundle) for name in names]
    artifacts = [os.path.getsize(path) for path in files if "/artifacts/" in path]
    total, log = sum(map(os.path.getsize, files)), os.path.getsize(f"{bundle}/evidence.jsonl")
    with open(f"{bundle}/evidence.jsonl", "rb") as lines:
        entries = sum(1 for _ in lines)
    program = f"{target}/dist/probity"
    # All files in one process, on one core, as anybody would.
    hashing = ["find", bundle, "-type", "f", "-exec", "sha256sum", "{}", "+"]
    programs = [
        lambda: measure.run([program, "verify", bundle], (0,), environment(target)),
        lambda: measure.run(hashing, (0,)),
    ]
    names = ["`probity verify`, two cores", "`sha256sum` over all files, one core"]
    if shutil.which("openssl"):
        one_stream = f"find {bundle} -type f -exec cat {{}} + | openssl dgst -sha256"
        programs.append(lambda: measure.run(["sh", "-c", one_stream], (0,)))
        names.append("`openssl dgst -sha256` over all bytes, one core")
    results = measure.alternate(turns, *programs)
    lines = [
        f"{total / 1e6:,.0f} MB: {entries:,} entries of {log / entries:,.0f} bytes on average, {len(artifacts)} artifacts "
        f"of {sum(artifacts) / max(1, len(artifacts)) / 1e6:.1f} MB. Everything is in the page cache."
        + (f" The run that made it took {made.seconds:.0f} s and {made.peak_mb:.0f} MB." if made else ""),
        "",
        "| | median s | least to greatest ms | processor s | MB a second | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in zip(names, results):
        took = measure.middle(runs)
        rate = total / took / 1e6
        cells = [name, f"{took:.2f}", measure.spread(runs), f"{measure.middle_cpu(runs):.2f}"]
        cells += [f"{rate:.0f}", f"{measure.peak(runs):.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    ratio = measure.middle(results[1]) / measure.middle(results[0])
    lines += [
        "",
        f"`verify` runs at {ratio:.2f} times the speed of `sha256sum`; the goal is at least 1, in less than 64 MB. It checks "
        "the signatures, hashes every line and artifact, parses every entry and computes findings, verdict and report "
        "again. Debian's `sha256sum` does not use the processor's SHA instructions; OpenSSL does.",
    ]
    return lines
