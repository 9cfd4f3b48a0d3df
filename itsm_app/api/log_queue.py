"""A log handler whose lines are written by a thread of its own.

Other handlers hold their lock while they write, and a write releases Python's global interpreter
lock. The requests of a server with many threads then queue up for the handler's lock (a "lock
convoy"). `docs/performance.md` has the figures.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

# If stderr is slower than the app, requests wait. Lines are neither lost, nor do they fill the
# memory: 10,000 lines take about 10 MB.
MAX_WAITING_LINES = 10_000
WAIT_SECONDS = 0.01


class LineQueue(QueueHandler):
    """Formats records in the thread that logs, and passes them to a thread that writes.

    The formatter needs the request, which only the thread that logs has. At exit, Python flushes
    and closes every handler (`logging.shutdown`), so no line is lost.
    """

    def __init__(self, writer: logging.Handler) -> None:
        """Write lines with the handler `writer`, which gets the line as the message."""
        self._lines = SimpleQueue[Any]()
        super().__init__(self._lines)
        self._writer = writer
        self._thread: QueueListener | None = None
        self._is_closed = False
        # The child has no writing thread, and the lines in its copy of the queue are its parent's.
        os.register_at_fork(after_in_child=self._start_anew)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Add a formatted record to the queue. Wait as long as the queue is full.

        If there is no writing thread, as after `close`, write the record at once.
        """
        # `handle` holds the lock of this handler meanwhile, and so do `flush` and `close`.
        if self._thread is None and not self._is_closed:
            # At the first line instead of at import: some servers import the app, and then fork.
            self._start_thread()
        if self._thread is None:
            self._writer.handle(record)
            return
        while self._lines.qsize() >= MAX_WAITING_LINES:
            time.sleep(WAIT_SECONDS)
        self._lines.put(record)

    def flush(self) -> None:
        """Wait until all lines are written."""
        self.acquire()
        try:
            if self._thread is not None:
                self._thread.stop()
                self._thread = None
        finally:
            self.release()

    def close(self) -> None:
        """Write all lines. From then on, the thread that logs a line also writes the line."""
        self.acquire()
        try:
            self._is_closed = True
            self.flush()
        finally:
            self.release()
        super().close()

    def _start_anew(self) -> None:
        self.queue = self._lines = SimpleQueue[Any]()
        self._thread = None

    def _start_thread(self) -> None:
        thread = QueueListener(self._lines, self._writer)
        # Python starts no thread while it exits, and the system can refuse one.
        with suppress(RuntimeError):
            thread.start()
            self._thread = thread
