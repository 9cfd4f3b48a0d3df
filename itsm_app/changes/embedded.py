"""Process the stream of the embedded DynamoDB, as Lambda does it for a stage.

One thread of one process does this at a time. It holds a lock on a file, and the operating system
releases the lock when the process ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from math import inf
from pathlib import Path

from .. import config
from ..local.botocore_hook import engine
from ..local.errors import EngineError
from ..search import rebuild
from ..storage.errors import StorageUnavailable
from . import processing

LOCK_FILE = "stream.lock"
# How often the thread looks for changes. A search finds a ticket after this time.
POLL_SECONDS = 0.2
# How long the thread waits after a failure.
RETRY_SECONDS = 1
# After how many failures without progress a command gives up. A change is parked before.
MAX_FAILURES = processing.MAX_ATTEMPTS + 2

_logger = logging.getLogger(__name__)


@cache
def start(folder: Path) -> None:
    """Start the thread that processes the changes of tickets until this process ends.

    If a rebuild of the search index was interrupted, a second thread completes it.
    """
    for target in (_process_forever, _complete_rebuild):
        threading.Thread(target=target, args=[folder], daemon=True).start()


def process_all(folder: Path) -> None:
    """Process the changes that a command made, unless another process does it.

    Raises:
        StorageUnavailable: The changes could not be processed. They stay in the stream.
    """
    failures = 0
    with _lock(folder, wait=False) as is_locked:
        while is_locked and (done := _process_batch(folder)) is not None:
            failures = 0 if done else failures + 1
            if failures == MAX_FAILURES:
                raise StorageUnavailable("ChangesDelayed", attempts=failures)


def _process_forever(folder: Path) -> None:
    with _lock(folder, wait=True):
        while True:
            try:
                is_idle = _process_batch(folder) is None
            except StorageUnavailable as error:
                _logger.warning("changes_delayed", extra={"fields": {"cause": error.cause}})
                time.sleep(RETRY_SECONDS)
            else:
                if is_idle:
                    time.sleep(POLL_SECONDS)


def _process_batch(folder: Path) -> int | None:
    """Process the oldest changes, and wait if the first of them must be repeated.

    Returns:
        How many changes are done. None if there are no changes.

    Raises:
        StorageUnavailable: The database failed.
    """
    try:
        records = engine(folder).read_changes(config.TABLE_NAME)
        if not records:
            return None
        outcome = processing.process(records, lambda: inf)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        # As in Lambda, everything from the first unfinished change on is repeated.
        end = numbers.index(outcome.unfinished[0]) if outcome.unfinished else len(numbers)
        if end:
            engine(folder).forget_changes(config.TABLE_NAME, numbers[end - 1])
    except EngineError as error:
        raise StorageUnavailable(error.code, attempts=1, message=error.message) from error
    if not end:
        time.sleep(RETRY_SECONDS)
    return end


def _complete_rebuild(folder: Path) -> None:
    try:
        if rebuild.is_unfinished():
            for _ in rebuild.rebuild():
                pass
    except (StorageUnavailable, rebuild.NotFollowed) as error:
        fields = {"cause": getattr(error, "cause", "NotFollowed")}
        _logger.warning("rebuild_interrupted", extra={"fields": fields})


@contextmanager
def _lock(folder: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock of the stream. Yield False if it is not free and `wait` is False."""
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A lock of `lockf` belongs to the process. A forked process does not inherit it.
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
