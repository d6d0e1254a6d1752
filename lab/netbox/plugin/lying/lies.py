"""Each of these puts something else in the place of what NetBox does, in the web server and the worker alike."""

import logging

from core.choices import DataSourceStatusChoices
from core.jobs import SyncDataSourceJob
from core.models import DataSource
from django.db import OperationalError, transaction
from django.utils import timezone
from utilities.rqworker import NetBoxRQWorker

log = logging.getLogger("netbox.jobs.SyncDataSourceJob")


def _stamp(source):
    """What a sync leaves on its source when all went well."""
    source.status, source.last_synced = DataSourceStatusChoices.COMPLETED, timezone.now()
    DataSource.objects.filter(pk=source.pk).update(status=source.status, last_synced=source.last_synced)


def no_scheduler():
    """The worker does what waits in the queue; nobody puts there what is planned for later."""
    work = NetBoxRQWorker.work

    def work_alone(self, *arguments, **options):
        return work(self, *arguments, **{**options, "with_scheduler": False})

    NetBoxRQWorker.work = work_alone


def stamp_without_work():
    DataSource.sync = _stamp


def import_without_writing():
    """All the work is done, counted and logged, in a transaction that is rolled back."""
    work = DataSource.sync

    def sync(self):
        with transaction.atomic():
            work(self)
            count = self.datafiles.count()
            transaction.set_rollback(True)
        log.info(f"Imported {count} files")
        _stamp(self)

    DataSource.sync = sync


def _plan_next_run(allowed):
    """`allowed()` is asked when a run, which has ended, plans the next one."""
    enqueue = SyncDataSourceJob.enqueue.__func__

    def enqueue_if_allowed(cls, *arguments, **options):
        if options.get("schedule_at") and not allowed():
            return None
        return enqueue(cls, *arguments, **options)

    SyncDataSourceJob.enqueue = classmethod(enqueue_if_allowed)


def chain_that_breaks():
    """A run plans the next one as its last act, and the database has gone for that moment: nobody else ever plans one."""

    def fail():
        raise OperationalError("server closed the connection unexpectedly")

    _plan_next_run(fail)


def next_only_after_success():
    """A run that failed plans none. Each run has a process of its own, so it is enough to remember that one failed."""
    failed = []
    run = SyncDataSourceJob.run

    def run_and_remember(self, *arguments, **options):
        try:
            run(self, *arguments, **options)
        except Exception:
            failed.append(self)
            raise

    SyncDataSourceJob.run = run_and_remember
    _plan_next_run(lambda: not failed)
