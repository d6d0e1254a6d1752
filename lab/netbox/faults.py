"""What can be wrong with a NetBox whose data source is to be synced each minute. scripts/netbox-fault-matrix has each judged.

The first nine are what may befall any NetBox, the others what a system had whose report said that all was well.
"""

import dataclasses
import os
import signal
import typing

from netbox import lab


def nothing(_netbox):
    """For what is wrong from the beginning."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """`says` what is wrong, as a person would; `label` and `claim` are the verdict of the plan and the claim of it that fails and tells the cause."""

    says: str
    label: str
    claim: str
    settings: str = ""
    """Lines of NetBox's configuration."""
    seed: typing.Callable = nothing
    """Done to a NetBox that runs, when the first sync is over."""
    first_run: bool = True
    """Whether there is a first sync at all."""


STILL = "SYNC STANDS STILL"
NO_EFFECT = "SYNC RUNS, EFFECT NOT SEEN"


def lie(name):
    return f"PLUGINS = ['lying']\nPLUGINS_CONFIG = {{'lying': {{'lie': {name!r}}}}}\n"


def stop_worker(netbox):
    netbox.servers.end("worker")


def serve_other_queue(netbox):
    netbox.servers.end("worker")
    netbox.start_worker("high")


def hang_worker(netbox):
    os.kill(netbox.servers.processes()["worker"], signal.SIGSTOP)


def kill_scheduler(netbox):
    os.kill(netbox.scheduler(), signal.SIGKILL)


def interrupt_redis(netbox):
    """It is gone until the scheduler has noticed, and comes back with all that it had."""
    scheduler = netbox.scheduler()
    netbox.redis("save")
    netbox.servers.end("redis")
    lab.wait_until("the scheduler has ended", lambda: netbox.scheduler() != scheduler, 30)
    netbox.start_redis()
    netbox.wait_until_answers(netbox.url, netbox.token)


def lose_queue(netbox):
    netbox.redis("-n", "0", "flushdb")


def kill_worker(netbox):
    """Its scheduler lives on."""
    os.kill(netbox.servers.processes()["worker"], signal.SIGKILL)


def lock_table(netbox):
    """Somebody else's transaction, which reading does not notice."""
    netbox.hold("BEGIN; LOCK TABLE core_datasource IN EXCLUSIVE MODE; SELECT pg_sleep(3600)")


def unreadable_file(netbox):
    netbox.source_file().chmod(0)


def fail_once(netbox):
    """A run that fails, of something that is put right afterwards."""
    netbox.source_file().chmod(0)
    netbox.run_sync_now()
    # NetBox runs it for the other interval, too, through which it went.
    lab.wait_until("a run has failed", lambda: any(job["interval"] == 1 for job in netbox.jobs("status=errored")), 120)
    netbox.source_file().chmod(0o644)


FAULTS = {
    "worker-stopped": Fault("the worker is stopped", STILL, "worker_runs", seed=stop_worker),
    "other-queue": Fault("the worker serves only another queue", STILL, "served", seed=serve_other_queue),
    "worker-hangs": Fault("the worker hangs (SIGSTOP)", STILL, "awake", seed=hang_worker),
    "scheduler-killed": Fault("the worker's scheduler was killed", STILL, "scheduler_runs", seed=kill_scheduler),
    "redis-interrupted": Fault("Redis was gone for a moment and is back, with all its data", STILL, "scheduler_runs", seed=interrupt_redis),
    "queue-lost": Fault("Redis lost its data", STILL, "queued", seed=lose_queue),
    "worker-killed": Fault("the worker was killed, and its scheduler lives on", STILL, "scheduler_runs", seed=kill_worker),
    "table-locked": Fault("somebody holds a lock on the table of data sources", STILL, "nothing_hangs", seed=lock_table),
    "file-unreadable": Fault("a file of the source cannot be read", NO_EFFECT, "finished", seed=unreadable_file),
    "no-scheduler": Fault("no process plans anything: the worker runs without a scheduler", STILL, "scheduled_by", lie("no_scheduler")),
    "stamp-without-work": Fault("a run stamps the time and does nothing", NO_EFFECT, "arrives", lie("stamp_without_work")),
    "import-without-writing": Fault("a run logs how many files it imported, and none is written", NO_EFFECT, "arrives", lie("import_without_writing")),
    "chain-broken": Fault("each run plans the next one, and an exception ended the chain", STILL, "due", lie("chain_that_breaks")),
    "unserved-queue": Fault(
        "the runs are put on a queue that nobody serves", STILL, "same_queue", "QUEUE_MAPPINGS = {'datasource': 'imports'}\n", first_run=False
    ),
    "only-after-success": Fault("the next run is planned only after a success, and one failed", STILL, "due", lie("next_only_after_success"), fail_once),
}
