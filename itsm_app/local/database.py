"""Tables and items in one SQLite file.

A transaction that was committed is on disk: SQLite's write-ahead log is synchronised at every
commit ("PRAGMA synchronous" in SQLite's documentation). Several processes can use one file.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FILE = "tickets.sqlite3"
# How long a write waits for the other threads of this process, and then for another process. Three
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
"""


class Database:
    """The SQLite file in a folder, for any number of threads and processes."""

    def __init__(self, folder: Path) -> None:
        # Only the user may read what callers said.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Absolute, because connections that are opened later must not depend on the working
        # directory.
        self._file = folder.resolve() / FILE
        with suppress(FileExistsError):
            # SQLite gives its log and its shared memory the mode of this file.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        self._identity = self._identify()
        self._idle: list[sqlite3.Connection] = []
        self._renew_lock()
        # A forked process must neither use nor close its parent's connections: "How To Corrupt An
        # SQLite Database File". Each process opens its own afterwards.
        os.register_at_fork(before=self._close_idle, after_in_child=self._renew_lock)
        with self.write() as connection:
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. Each statement sees a consistent state."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection in a transaction that is committed at the end.

        Raises:
            sqlite3.Error, OSError: The transaction was not committed.
        """
        if not self._write_lock.acquire(timeout=BUSY_SECONDS):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        try:
            with self.read() as connection:
                # SQLite would go on writing to a file that was deleted or replaced.
                if self._identify() != self._identity:
                    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        finally:
            self._write_lock.release()

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

    def _renew_lock(self) -> None:
        # Another thread of the parent can have held the lock at the fork.
        self._write_lock = threading.Lock()
