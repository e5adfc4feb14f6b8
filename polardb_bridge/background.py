"""The thread of a serving process that delivers what is due, and begins the syncs that were asked for.

It starts with the WSGI application. Several processes may run one each: leases keep them apart. Every storage gets a
thread of its own while it has something to do, so that a server that hangs holds up no other; storages whose last
delivery failed share half of the threads, and no organization takes them all.

If there is Redis, it asks a worker instead, and takes over what the worker leaves. It keeps the time for all that is
done every so often.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import connections

from polardb_bridge.storage.images import labeled
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync import jobs
from polardb_bridge.storage.sync.watch import Watch
from polardb_bridge.webhooks import outbox, queue, reconcile, rewrite, sequence, wakeup
from polardb_bridge.webhooks.delivery import deliver_in_turn, due_storages

logger = logging.getLogger(__name__)

# How long a mark of another process, or one that waits for a retry, can go unnoticed.
POLL_INTERVAL_S = 1.0
# From a change to its delivery: the request that made it is answered first, and what comes together goes together.
GATHER_INTERVAL_S = 0.03
MAX_THREADS = 8
# Of these, those that no organization takes which has one already: another's tables are not to wait for its servers.
SPARE_THREADS = 2
# Syncs at once: they would take the processor from the requests of this process. And those of one organization.
MAX_SYNCS = 3
MAX_SYNCS_OF_ONE = 2
# How often a round looks whether a comparison or a sync is due, or an image to be looked at.
_CLOCK_INTERVAL_S = 30.0
_THOROUGH_SWEEP_INTERVAL_S = 3600.0

_Key = tuple[str, int]
# An organization's id; None: nobody's, of all.
_Owner = int | None


class BackgroundThread:
    """The thread of one process, and the threads of its storages."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="polardb-writeback")
        self._lock = threading.Lock()
        self._busy: dict[_Key, _Owner] = {}
        self._failing: set[_Key] = set()
        self._missed: set[_Key] = set()
        self._is_held_up = False  # something waits for any thread of its organization to be free
        self._watch = Watch()
        self._next_poll = self._next_clock = self._next_thorough_sweep = time.monotonic()

    def start(self) -> None:
        """Run in the background for as long as the process lives."""
        threading.Thread(target=self.run, name="polardb-background", daemon=True).start()

    def wake(self) -> None:
        """Deliver at once."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._wake.set()
        self._pool.shutdown()

    def run(self) -> None:
        """Deliver what is due, until `stop`."""
        while not self._stopping.is_set():
            woken = self._wake.wait(POLL_INTERVAL_S)
            if woken:
                time.sleep(GATHER_INTERVAL_S)
            self._wake.clear()
            try:
                self._round(woken)
            except Exception:
                # Label Studio's own database is away, or a bug: marks stay, the next round tries again.
                logger.exception("Write-back round failed")
                connections.close_all()

    def _round(self, woken: bool) -> None:
        if woken:
            for storage in due_storages(workers_too=True):
                if not queue.ask_worker(storage.pk):
                    self._deliver(storage, workers_too=True)
        # However often it is woken: nobody wakes it for what workers and dead processes have left.
        if time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + POLL_INTERVAL_S / 2
            self._poll()

    def _poll(self) -> None:
        for storage in due_storages():
            self._deliver(storage, workers_too=False)
        for storage_id in rewrite.waiting():
            self._begin(("rewrite", storage_id), lambda storage_id=storage_id: rewrite.run(storage_id))
        if time.monotonic() >= self._next_clock:
            self._next_clock = time.monotonic() + _CLOCK_INTERVAL_S
            for organization_id in reconcile.organizations_due():
                work = partial(reconcile.reconcile_due, organization_id)
                self._begin(("reconcile", organization_id), work, owner=organization_id)
            for storage in labeled.storages_due():
                work = partial(labeled.look, storage)
                self._begin(("look", storage.pk), work, owner=storage.project.organization_id)
            self._begin(("schedule", 0), jobs.request_due)
            self._begin(("sweep", 0), self._sweep)
        for storage_id in jobs.waiting():
            self._sync(storage_id, jobs.run)
        for storage_id in self._watch.abandoned_by_workers():
            self._sync(storage_id, jobs.resume)

    def _sweep(self) -> None:
        outbox.drop_gone()
        labeled.drop_gone()
        if time.monotonic() >= self._next_thorough_sweep:  # it looks at every annotation
            self._next_thorough_sweep = time.monotonic() + _THOROUGH_SWEEP_INTERVAL_S
            sequence.drop_gone()

    def _sync(self, storage_id: int, do: Callable[[int], None]) -> None:
        key = ("sync", storage_id)
        with self._lock:  # nobody but this thread begins syncs
            running = [whose for (kind, _), whose in self._busy.items() if kind == "sync"]
            if key in self._busy or len(running) >= MAX_SYNCS:
                return  # the next round tries again
        storages = PolarDBImportStorage.objects.filter(pk=storage_id)
        owner = storages.values_list("project__organization", flat=True).first()
        if running.count(owner) >= MAX_SYNCS_OF_ONE:
            return
        with self._lock:
            self._busy[key] = owner
        # Not of the pool, which ends with what is under way: a sync takes long, and can stop anywhere.
        threading.Thread(target=self._work, args=(key, lambda: _run_sync(storage_id, do)), daemon=True).start()

    def _deliver(self, storage: PolarDBExportStorage, *, workers_too: bool) -> None:
        state = getattr(storage, "writeback_state", None)
        failing = state is not None and state.attempts > 0
        work = partial(deliver_in_turn, storage, workers_too=workers_too)
        self._begin(("deliver", storage.pk), work, owner=storage.project.organization_id, failing=failing)

    def _begin(self, key: _Key, work: Callable[[], object], *, owner: _Owner = None, failing: bool = False) -> None:
        with self._lock:
            if key in self._busy:
                self._missed.add(key)
                return
            if failing and len(self._failing) >= MAX_THREADS // 2:
                return  # the next round tries again
            owners = [whose for (kind, _), whose in self._busy.items() if kind != "sync"]
            if owner is not None and owner in owners and len(owners) >= MAX_THREADS - SPARE_THREADS:
                self._is_held_up = True
                return
            self._busy[key] = owner
            if failing:
                self._failing.add(key)
        self._pool.submit(self._work, key, work)

    def _work(self, key: _Key, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            # Of one storage: the others go on, and the next round tries this one again.
            logger.exception("In the background: %s of storage %s failed", *key)
            connections.close_all()
        finally:
            with self._lock:
                self._busy.pop(key, None)
                self._failing.discard(key)
                is_awaited = self._is_held_up or key in self._missed
                self._missed.discard(key)
                self._is_held_up = False
            if is_awaited:
                self.wake()


def _run_sync(storage_id: int, do: Callable[[int], None]) -> None:
    try:
        do(storage_id)
    finally:
        connections.close_all()  # they belong to this thread, which ends


_thread: BackgroundThread | None = None


def start() -> None:
    """Start the thread of this process, if it does not run yet."""
    global _thread
    # A server that forks after it has loaded the application leaves the thread behind in the parent.
    if _thread is None or _thread.process != os.getpid():
        _thread = BackgroundThread()
        _thread.start()
        wakeup.call_on_wakeup(wake)


def wake() -> None:
    """Deliver at once, if this process has the thread."""
    if _thread is not None:
        start()
        _thread.wake()


def _after_fork() -> None:
    if _thread is not None:
        start()


os.register_at_fork(after_in_child=_after_fork)
