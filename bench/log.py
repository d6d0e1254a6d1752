"""Appending to the evidence log with durable checkpoints, beside a plain file."""

import os
import re
import statistics
import subprocess
import time

import measure


def ours(target, entries, folder):
    """The example of the evidence crate: entries a second with the last checkpoint, and bytes an entry."""
    program = [f"{target}/dist/examples/append", str(entries), folder]
    output = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"(\d+) entries/s with the last checkpoint", output)
    size = re.search(r"entries of (\d+) bytes", output)
    return int(rate[1]), int(size[1])


def plain(entries, size, folder):
    """Lines of the same length into a file, in pieces of 100 lines as above, made durable each second and at the end."""
    path = f"{folder}/plain"
    piece = (b"x" * (size - 1) + b"\n") * 100
    begun = synced = time.monotonic()
    with open(path, "wb", buffering=0) as out:
        for _ in range(entries // 100):
            out.write(piece)
            if time.monotonic() - synced >= 1:
                os.fdatasync(out.fileno())
                synced = time.monotonic()
        os.fdatasync(out.fileno())
    rate = entries / (time.monotonic() - begun)
    os.remove(path)
    return rate


def figures(target, entries=1_000_000, turns=5):
    """Returns the lines of the page."""
    folder = measure.fresh(f"{target}/bench/log")
    _, size = ours(target, entries, folder)
    rates, references = [], []
    for _ in range(turns):
        rates.append(ours(target, entries, folder)[0])
        references.append(plain(entries, size, folder))

    def row(name, values):
        return f"| {name} | {statistics.median(values):,.0f} | {min(values):,.0f} to {max(values):,.0f} |"

    return [
        f"{entries:,} entries of {size} bytes, each with its salt and its place in the tree, in batches of 100.",
        "",
        "| | entries a second, median | least to greatest |",
        "|---|---|---|",
        row("evidence log, signed durable checkpoints", rates),
        row("the same bytes into a plain file, fdatasync each second", references),
        "",
        "The goal is at least 300,000 entries a second.",
    ]
