"""`probity audit` of reports of growing length, beside reading the same file with a CommonMark parser alone.

Ordinary text is what the labelled collection calls sound; dense text has a defect every 490 bytes.
"""

import glob
import itertools
import os

import measure

COLLECTION = "crates/probity-audit/tests/reports"
SIZES = [250_000, 500_000, 1_000_000, 2_000_000, 4_000_000]


def write(path, folder, size):
    """A report of about this size: those of a folder of the collection one after another, again and again."""
    texts = []
    for name in sorted(glob.glob(f"{COLLECTION}/{folder}/*.md")):
        with open(name, encoding="utf-8") as report:
            texts.append(report.read())
    # Whole reports only: one that ends in the middle has other defects.
    with open(path, "w", encoding="utf-8") as out:
        for text in itertools.cycle(texts):
            if out.tell() >= size:
                break
            out.write(text + "\n\n")
    return os.path.getsize(path)


def figures(target, turns=7):
    """Returns the lines of the page."""
    folder = measure.fresh(f"{target}/bench/audit")
    ours, alone = f"{target}/dist/probity", f"{target}/dist/examples/parse"
    lines = [
        "| text | bytes | median ms | least to greatest ms | processor ms | ns a byte | peak MB | CommonMark parser alone, median ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, source in [("ordinary", "sound"), ("dense", "planted")]:
        for size in SIZES:
            path = f"{folder}/{kind}-{size}.md"
            length = write(path, source, size)
            audit = [ours, "audit", path, "--format", "json"]
            results = measure.alternate(
                turns, lambda: measure.run(audit, (0, 1)), lambda: measure.run([alone, path], (0,))
            )
            took = measure.middle(results[0])
            cells = [kind, f"{length:,}", f"{took * 1e3:.0f}", measure.spread(results[0])]
            cells += [f"{measure.middle_cpu(results[0]) * 1e3:.0f}", f"{took * 1e9 / length:.0f}"]
            cells += [f"{measure.peak(results[0]):.0f}", f"{measure.middle(results[1]) * 1e3:.0f}"]
            lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "The goal is less than 200 ms for 1 MB; the time per byte shows that it grows with the length and no faster. "
        "The parser alone is pulldown-cmark, which the audit reads with: a program that counts its events.",
    ]
    return lines
