"""Tables and items in one SQLite file.

A transaction that was committed is on disk: SQLite's write-ahead log is synchronised at every
commit ("PRAGMA synchronous" in SQLite's documentation). Several processes can use one file.

One thread commits the changes of all threads. While a commit waits for the disk, the next changes
gather, and one commit stores all of them.
"""

from __future__ import annotations

import atexit
import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

FILE = "tickets.sqlite3"
# How long a write waits for the earlier writes of this process, and then for another process. Three
# attempts that use up both take 6.3 s with their waits: see `storage.connection` for the limit.
BUSY_SECONDS = 1
# The cache of one connection. There is a connection for each thread that reads at the same time.
CACHE_KIB = 1024
# A log that grew beyond this under load is truncated when SQLite starts it anew.
MAX_LOG_BYTES = 16 * 1024 * 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS tables (name TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    table_name TEXT NOT NULL, hash TEXT NOT NULL, range TEXT NOT NULL,
    item TEXT NOT NULL, expires_at INTEGER,
    UNIQUE (table_name, hash, range)
);
CREATE INDEX IF NOT EXISTS expiring_items ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS index_entries (
    table_name TEXT NOT NULL, index_name TEXT NOT NULL, hash TEXT NOT NULL, range TEXT NOT NULL,
    item_hash TEXT NOT NULL, item_range TEXT NOT NULL, projected TEXT,
    PRIMARY KEY (table_name, index_name, hash, range, item_hash, item_range)
) WITHOUT ROWID;
-- AUTOINCREMENT: a number is never used again, also if all rows were deleted.
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL, created_at INTEGER NOT NULL,
    old TEXT NOT NULL, new TEXT NOT NULL, has_expired INTEGER NOT NULL
);
"""


class Database:
    """The SQLite file in a folder, for any number of threads and processes."""

    def __init__(self, folder: Path) -> None:
        # Absolute, because connections that are opened later must not depend on the working
        # directory.
        folder = folder.resolve()
        _make(folder)
        self._file = folder / FILE
        with suppress(FileExistsError):
            # SQLite gives its log and its shared memory the mode of this file.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            _synchronise(folder)
        # SQLite opens a file that cannot be written without an error.
        if not all(os.access(path, os.W_OK) for path in (folder, self._file)):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self._identity = self._identify()
        self._idle: list[sqlite3.Connection] = []
        self._renew_writer()
        # A forked process must neither use nor close its parent's connections: "How To Corrupt An
        # SQLite Database File". Each process opens its own afterwards.
        os.register_at_fork(before=self._close_idle, after_in_child=self._renew_writer)
        # The last connection that is closed moves the log into the file and deletes the log.
        atexit.register(self._close_idle)
        self.write(_create_schema)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. Each statement sees a consistent state.

        Raises:
            sqlite3.Error, OSError: The file cannot be used.
        """
        # SQLite would go on using a file that was deleted or replaced.
        if self._identify() != self._identity:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Call a function that changes the tables, commit, and return the function's result.

        Another thread calls the function. If the function raises an exception, nothing is changed.

        Raises:
            sqlite3.Error, OSError: The change was not committed.
        """
        write: _Write[T] = _Write(change)
        with self._starting:
            if not self._writer.ident:
                self._writer.start()
        self._waiting.put(write)
        try:
            return write.result(BUSY_SECONDS)
        except TimeoutError:
            if write.cancel():
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from None
            return write.result()

    def _commit_all(self, waiting: SimpleQueue[_Write[Any]]) -> None:
        while True:
            writes = [waiting.get()]
            while not waiting.empty():
                writes.append(waiting.get())
            writes = [write for write in writes if write.set_running_or_notify_cancel()]
            try:
                outcomes = self._commit(writes)
            except Exception as error:
                outcomes = [error] * len(writes)
            for write, outcome in zip(writes, outcomes, strict=True):
                write.end(outcome)

    def _commit(self, writes: list[_Write[Any]]) -> list[Any]:
        with self.read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_call(write.change, connection) for write in writes]
                connection.execute("COMMIT")
            finally:
                # After most errors, SQLite has ended the transaction itself. The tests with a full
                # disk find the other case only at some moments.
                if connection.in_transaction:  # pragma: no cover
                    connection.execute("ROLLBACK")
        return outcomes

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            # A missing file is an error.
            f"{self._file.as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # On macOS, fsync alone does not reach the disk.
        connection.execute("PRAGMA fullfsync = ON")
        # Overwrite what is deleted: erased texts must not stay in the file.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_LOG_BYTES}")
        return connection

    def _identify(self) -> tuple[int, int]:
        found = self._file.stat()
        return found.st_dev, found.st_ino

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _renew_writer(self) -> None:
        # A forked process has none of its parent's threads, but locks that these threads held.
        self._starting = threading.Lock()
        self._waiting: SimpleQueue[_Write[Any]] = SimpleQueue()
        self._writer = threading.Thread(target=self._commit_all, args=[self._waiting], daemon=True)


class _Write(Future[T]):
    """A change that waits for its commit, and its result."""

    def __init__(self, change: Callable[[sqlite3.Connection], T]) -> None:
        super().__init__()
        self.change = change

    def end(self, outcome: T | Exception) -> None:
        if isinstance(outcome, Exception):
            self.set_exception(outcome)
        else:
            self.set_result(outcome)


def _call(
    change: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection
) -> T | Exception:
    """Return the result of a change. If the change fails, undo only this change, and return why."""
    connection.execute("SAVEPOINT change")
    outcome: T | Exception
    try:
        outcome = change(connection)
    except Exception as error:
        # After some errors, such as a full disk, SQLite has undone the whole transaction.
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO change")
        outcome = error
    connection.execute("RELEASE change")
    return outcome


def _create_schema(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, SCHEMA.split(";")):
        connection.execute(statement)


def _make(folder: Path) -> None:
    """Create a folder and its parents, and store them on disk."""
    if not folder.exists():
        _make(folder.parent)
        # Only the user may read what callers said.
        folder.mkdir(mode=0o700, exist_ok=True)
        _synchronise(folder.parent)


def _synchronise(folder: Path) -> None:
    """Store the entries of a folder on disk: see the manual page fsync(2)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
