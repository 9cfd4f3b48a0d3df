"""Tables and items in one SQLite file.

A transaction that was committed is on the disk: SQLite's write-ahead log is synchronised at every
commit ("PRAGMA synchronous" in SQLite's documentation). Several processes can use one file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "tickets.sqlite3"
# How long a write waits for the write of another process.
BUSY_SECONDS = 5

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
    item_hash TEXT NOT NULL, item_range TEXT NOT NULL,
    PRIMARY KEY (table_name, index_name, hash, range, item_hash, item_range)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_of_items ON index_entries (table_name, item_hash, item_range);
"""


class Database:
    """The SQLite file in a folder, with a connection for each thread."""

    def __init__(self, folder: Path) -> None:
        # Only the user may read what callers said.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / FILE
        self._local = threading.local()
        self._write_lock = threading.Lock()
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
        with self.write() as connection:
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)

    def read(self) -> sqlite3.Connection:
        """Return this thread's connection. Each statement sees a consistent state."""
        # A connection must not be used after a fork: "How To Corrupt An SQLite Database File".
        if getattr(self._local, "process", None) != os.getpid():
            self._local.process = os.getpid()
            self._local.connection = self._connect()
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Return this thread's connection, in a transaction that is committed at the end."""
        connection = self.read()
        with self._write_lock:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # On macOS, fsync alone does not reach the disk.
        connection.execute("PRAGMA fullfsync = ON")
        return connection
