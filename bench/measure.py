"""Runs programs and says what they took: wall time, processor time, peak memory, exit status. And what the pages of figures have in common."""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import textwrap
import time


class Took:
    """What one run of a program took."""

    def __init__(self, seconds, cpu_seconds, peak_mb, status):
        self.seconds, self.cpu_seconds, self.peak_mb, self.status = seconds, cpu_seconds, peak_mb, status


def run(arguments, accepted, env=None, stdout=subprocess.DEVNULL):
    """Runs a program to its end. An exit status that is not among those accepted ends the benchmark.

    The peak is that of the largest process, in MB (1e6 bytes). The kernel counts this script's own size into it as
    long as the program is smaller.
    """
    begun = time.monotonic()
    process = subprocess.Popen(arguments, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise SystemExit(f"{' '.join(arguments)} exited with {process.returncode}:\n{errors.decode(errors='replace')}")
    return Took(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, process.returncode)


def alternate(times, *programs):
    """Runs each of several programs (functions that return a `Took`) in turn, so that a change of the machine meets all
    of them; after one turn that does not count."""
    for program in programs:
        program()
    turns = [[program() for program in programs] for _ in range(times)]
    return [list(one) for one in zip(*turns)]


def middle(runs):
    """The median of the wall times, in seconds."""
    return statistics.median(took.seconds for took in runs)


def middle_cpu(runs):
    """The median of the processor times, children included, in seconds."""
    return statistics.median(took.cpu_seconds for took in runs)


def peak(runs):
    """The greatest peak memory, in MB."""
    return max(took.peak_mb for took in runs)


def spread(runs, scale=1000):
    """Least and greatest wall time."""
    seconds = [took.seconds * scale for took in runs]
    return f"{min(seconds):.0f} to {max(seconds):.0f}"


def in_child(work):
    """Does something in a process of its own, so that its memory is not this script's."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            # A child that is left by `_exit` would not say it.
            print(error, file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise SystemExit("what is to be measured could not be made")


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory = int(next(line.split()[1] for line in lines if line.startswith("MemTotal"))) * 1024 / 1e9
    system = f"Linux {platform.release()} ({platform.machine()})"
    return ", ".join(filter(None, [f"{len(os.sched_getaffinity(0))} cores", model, f"{memory:.0f} GB of memory", system]))


def load():
    """Says so if the machine had something else to do."""
    busy = os.getloadavg()[0]
    if busy < 1:
        return ""
    return f"\n**Something else ran on this machine:** its load average was {busy:.1f} when the measurement began.\n"


def wrapped(line):
    """A line of the page; prose in lines that people can read, tables as they are."""
    if line.startswith("|"):
        return line
    return textwrap.fill(line, 120, subsequent_indent="  " if line.startswith("* ") else "", break_long_words=False)
