"""What can be wrong with a NetBox whose data source is to be synced each minute, and with what one gives to see it. scripts/netbox-fault-matrix has each judged.

The first eleven of the faults are what may befall any NetBox, the others what a system had whose report said that all was well.
"""

import contextlib
import dataclasses
import typing
import urllib.error

from system import SOURCE, WORKER, System, lab


def nothing(_netbox):
    """For what is wrong from the beginning."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """`says` what is wrong, as a person would; `label` and `claim` are the verdict of the plan and the claim of it that tells the cause."""

    says: str
    label: str
    claim: str
    settings: str = ""
    """Lines of NetBox's configuration."""
    seed: typing.Callable = nothing
    """Done to a NetBox that runs, when the first sync is over."""
    first_run: bool = True
    """Whether there is a first sync at all."""
    source: dict = dataclasses.field(default_factory=dict)
    """What is otherwise with the data source."""
    given: dict = dataclasses.field(default_factory=dict)
    """What the plan is given in the place of an input, in which `{...}` is what it would be."""
    outcome: str = "fails"
    """What becomes of the claim."""


PROVED = "SYNC PROVED"
STILL = "SYNC STANDS STILL"
NO_EFFECT = "SYNC RUNS, EFFECT NOT SEEN"


def lie(name):
    return f"PLUGINS = ['lying']\nPLUGINS_CONFIG = {{'lying': {{'lie': {name!r}}}}}\n"


def stop_worker(netbox):
    netbox.systemctl("stop", WORKER)


def serve_other_queue(netbox):
    netbox.run_worker("high")
    netbox.wait_until_served("high")


def crash_worker(netbox):
    """It does not know what it is told, and systemd starts it every five seconds."""
    netbox.run_worker("high default low --no-such-option")


def hang_worker(netbox):
    netbox.systemctl("kill", "--signal=STOP", "--kill-whom=main", WORKER)


def kill_scheduler(netbox):
    netbox.inside("kill", "-KILL", str(netbox.scheduler()))


def interrupt_redis(netbox):
    """It is gone until the scheduler has noticed, and comes back with all that it had."""
    scheduler = netbox.scheduler()
    netbox.systemctl("stop", "redis-server")
    lab.wait_until("the scheduler has ended", lambda: netbox.scheduler() != scheduler, 30)
    netbox.systemctl("start", "redis-server")
    netbox.wait_until_answers()


def lose_queue(netbox):
    netbox.redis("-n", "0", "flushdb")


def kill_worker(netbox):
    netbox.systemctl("kill", "--signal=KILL", "--kill-whom=main", WORKER)


def kill_worker_for_good(netbox):
    netbox.change_worker("Restart=no")
    kill_worker(netbox)


def unreadable_file(netbox):
    netbox.file().chmod(0)


def fail_once(netbox):
    """A run that fails, of something that is put right afterwards."""
    netbox.file().chmod(0)
    netbox.run_sync_now()
    # NetBox runs it for the other interval, too, through which it went.
    lab.wait_until("a run has failed", lambda: any(job["interval"] == 1 for job in netbox.jobs("status=errored")), 120)
    netbox.file().chmod(0o644)


def take_tokens_away(netbox):
    """Between the sync that brings the canaries and the one after it."""
    netbox.later(90, "runuser", "-u", "postgres", "--", "psql", "-d", "netbox", "-c", "DELETE FROM users_token")


def keep_canaries(netbox):
    """Once they have been put there, nobody can write there any more."""
    netbox.later(40, "mount", "-o", "bind,ro", SOURCE, SOURCE)


def ask_for_namesake(netbox):
    """NetBox does not let two sources have one name."""
    with contextlib.suppress(urllib.error.HTTPError):
        netbox.add_source("lab")
        raise lab.Failure("NetBox has taken a second source of the same name")


def stop_redis(netbox):
    netbox.systemctl("stop", "redis-server")


FAULTS = {
    "worker-stopped": Fault("the worker is stopped", STILL, "worker_runs", seed=stop_worker),
    "other-queue": Fault("the worker serves only another queue", STILL, "served", seed=serve_other_queue),
    "worker-hangs": Fault("the worker hangs (SIGSTOP)", STILL, "awake", seed=hang_worker),
    "scheduler-killed": Fault("the worker's scheduler was killed", STILL, "scheduler_runs", seed=kill_scheduler),
    "redis-interrupted": Fault("Redis was gone for a moment and is back, with all its data", STILL, "scheduler_runs", seed=interrupt_redis),
    "queue-lost": Fault("Redis lost its data", STILL, "queued", seed=lose_queue),
    "worker-killed": Fault("the worker was killed, and its unit says `Restart=no`", STILL, "worker_up", seed=kill_worker_for_good),
    "worker-restarted": Fault("the worker was killed, and systemd starts another", PROVED, "worker_steady", seed=kill_worker),
    "table-locked": Fault("somebody holds a lock on the table of data sources", STILL, "nothing_hangs", seed=System.hold_lock),
    "worker-crashes": Fault("the worker's unit has a wrong command, and systemd starts it again and again", STILL, "worker_up", seed=crash_worker),
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

MISGIVEN = {
    "wrong-token": Fault("the token is none that NetBox knows", NO_EFFECT, "sight_token", given={"token": f"Bearer nbt_{12 * 'x'}.{40 * 'y'}"}),
    "token-taken-away": Fault("the token is taken away half-way", NO_EFFECT, "follows", seed=take_tokens_away, outcome="undetermined"),
    "html": Fault("what is at the address answers everything with a page, and 200", NO_EFFECT, "sight_token", given={"url": "{url}/login/?next="}, outcome="undetermined"),
    "errors": Fault("Redis does not run, so NetBox answers everything with 500", STILL, "sight_token", seed=stop_redis),
    "stores-refuse": Fault(
        "PostgreSQL and Redis refuse the connection", PROVED, "sight_database", given={"database": "{database} port=1", "redis": "127.0.0.1:1"}
    ),
    "no-interval": Fault("the source has no interval", STILL, "due", first_run=False, source={"sync_interval": None}),
    "no-source": Fault("there is no source of that number", STILL, "stamped", given={"source": "4711"}, outcome="undetermined"),
    "same-name": Fault("a second source of the same name is asked for, which NetBox refuses", PROVED, "everyone", seed=ask_for_namesake, outcome="holds"),
    "canary-stays": Fault("a canary cannot be changed or taken out again", NO_EFFECT, "sight_canary", seed=keep_canaries),
}
