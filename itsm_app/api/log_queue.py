"""A log handler whose lines are written by a thread of its own.

Other handlers hold their lock while they write, and a write releases Python's global interpreter
lock. The requests of a server with many threads then queue up for the handler's lock (a "lock
convoy"): with 64 clients, the server had half its throughput.
"""

from __future__ import annotations

import logging
import os
import time
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

# The thread wakes up for many lines at once: a third of the CPU of a line is for waking up.
# SIGKILL loses the lines of this time.
COLLECT_SECONDS = 0.05
# If stderr is slower than the app, requests wait. Lines are neither lost, nor do they fill the
# memory: 10,000 lines take about 3 MB.
MAX_WAITING_LINES = 10_000
WAIT_SECONDS = 0.01


class LineQueue(QueueHandler):
    """Formats records in the thread that logs, and passes the lines to a thread that writes.

    The formatter needs the request, which only the thread that logs has. At exit, Python flushes
    and closes every handler (`logging.shutdown`), so no line is lost.
    """

    def __init__(self, writer: logging.Handler) -> None:
        """Write lines with the handler `writer`."""
        self._lines = SimpleQueue[Any]()
        super().__init__(self._lines)
        self._writer = writer
        self._thread: QueueListener | None = None
        self._has_thread = True
        # The child has no writing thread, and the lines in its copy of the queue are its parent's.
        os.register_at_fork(after_in_child=self._start_anew)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line to the writing thread. After `close`, write the line at once."""
        # `handle` holds the lock of this handler meanwhile, and so do `flush` and `close`.
        if self._thread is None and self._has_thread:
            self._start_thread()
        if self._has_thread:
            super().emit(record)
        else:
            self._writer.handle(_line_record(self.prepare(record)))

    def prepare(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self.format(record)

    def enqueue(self, record: Any) -> None:
        """Add a line to the queue. Wait as long as the queue is full."""
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
            self._has_thread = False
            self.flush()
        finally:
            self.release()
        super().close()

    def _start_anew(self) -> None:
        self.queue = self._lines = SimpleQueue[Any]()
        self._thread = None

    def _start_thread(self) -> None:
        # At the first line instead of at import: some servers import the app, and then fork.
        thread = _Writer(self._lines, self._writer)
        try:
            thread.start()
            self._thread = thread
        except RuntimeError:
            # Python is about to exit, and starts no more threads.
            self._has_thread = False


class _Writer(QueueListener):
    def handle(self, record: Any) -> None:
        """Write a line, and all lines that follow within `COLLECT_SECONDS`."""
        time.sleep(COLLECT_SECONDS)
        lines = [record]
        while not self.queue.empty():
            line = self.dequeue(block=True)
            if line is None:
                # `stop` was called. The loop that calls this method ends at this mark.
                self.enqueue_sentinel()
                break
            lines.append(line)
        super().handle(_line_record("\n".join(lines)))


def _line_record(line: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": line})
