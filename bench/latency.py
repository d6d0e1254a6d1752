#!/usr/bin/env python3
"""Latencies of an HTTP server as Probity sees them, beside those of vegeta, which asks it at the same rate.

The server is here: it waits before each answer as long as a list says, the same for both. `latency.py serve` is that server.
"""

import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys

import measure

RATE, SECONDS = 10, 40

PLAN = """\
plan: Latencies
probes:
  asked: {{ http: "http://127.0.0.1:{port}/", every: {every}ms, for: {seconds}s, keep: all }}
claims:
  answers: {{ of: asked, check: answered && elapsed_ms < 10000 }}
verdict:
  - {{ label: ANSWERS, when: holds(answers), accepted: true }}
  - {{ label: DOES NOT }}
"""


def delays():
    """Seconds before each answer: most are short, some are long, and none is as long as the time between two requests."""
    chance = random.Random(1)
    return [chance.choices([chance.uniform(2, 12), chance.uniform(30, 50), 85], [90, 9, 1])[0] / 1e3 for _ in range(RATE * SECONDS)]


async def serve():
    """Answers on a free port, which it prints; a request for /again begins the list again."""
    waits = iter(())

    async def answer(reader, writer):
        nonlocal waits
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /again"):
            waits = iter(delays())
        else:
            await asyncio.sleep(next(waits, 0))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def by_probity(target, port, folder):
    """Milliseconds of each request: the middle of what Probity knows them to lie between."""
    bundle = f"{folder}/latency.probity"
    shutil.rmtree(bundle, ignore_errors=True)
    with open(f"{folder}/plan.yaml", "w", encoding="utf-8") as out:
        out.write(PLAN.format(port=port, every=1000 // RATE, seconds=SECONDS))
    env = {"PATH": os.environ["PATH"], "HOME": folder}
    measure.run([f"{target}/dist/probity", "run", f"{folder}/plan.yaml", "-o", bundle], (0,), env)
    took = []
    with open(f"{bundle}/evidence.jsonl", encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            if entry["type"] == "observation" and "elapsed_ms" in entry["facts"]:
                interval = entry["facts"]["elapsed_ms"]
                took.append((interval["at_least"] + interval["at_most"]) / 2)
    return took


def by_vegeta(target, port):
    """Milliseconds of each request; each on a connection of its own, as Probity's are."""
    vegeta = f"{target}/bench/vegeta"
    attack = [vegeta, "attack", f"-rate={RATE}/s", f"-duration={SECONDS}s", "-keepalive=false"]
    hits = subprocess.run(attack, check=True, input=f"GET http://127.0.0.1:{port}/\n".encode(), capture_output=True)
    told = subprocess.run([vegeta, "encode"], check=True, input=hits.stdout, capture_output=True)
    return [hit["latency"] / 1e6 for hit in map(json.loads, told.stdout.splitlines()) if hit["code"] == 200]


def figures(target, turns=3):
    """Returns the lines of the page."""
    if not os.path.exists(f"{target}/bench/vegeta"):
        return ["Not measured: vegeta is not built."]
    folder = measure.fresh(f"{target}/bench/latency")
    seen = {"vegeta": [], "Probity": []}
    with subprocess.Popen([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        again = ["curl", "--silent", "--output", "/dev/null", f"http://127.0.0.1:{port}/again"]
        for _ in range(turns):
            subprocess.run(again, check=True)
            seen["vegeta"].append(by_vegeta(target, port))
            subprocess.run(again, check=True)
            seen["Probity"].append(by_probity(target, port, folder))
        server.terminate()
    lines = ["| who asks | requests a turn | p50 ms, median of the turns | p90 | p99 |", "|---|---|---|---|---|"]
    told = {}
    for name, took in seen.items():
        at = [statistics.median(statistics.quantiles(turn, n=100)[share - 1] for turn in took) for share in (50, 90, 99)]
        told[name] = at
        counts = sorted({len(turn) for turn in took})
        lines.append(f"| {name} | {' or '.join(map(str, counts))} | " + " | ".join(f"{value:.2f}" for value in at) + " |")
    apart = [f"{ours - theirs:+.2f} ms ({ours / theirs - 1:+.0%})" for ours, theirs in zip(told["Probity"], told["vegeta"])]
    return lines + ["", f"* Probity's are apart from vegeta's by {apart[0]} at the median and {apart[2]} at p99; the goal is 10 % or 1 ms."]


if __name__ == "__main__":
    asyncio.run(serve())
