"""What the user of a command can do about errors of the embedded DynamoDB.

The causes are names of the operating system's errors and of SQLite's result codes, whose details
follow after an underscore (`SQLITE_IOERR_WRITE`).
"""

from __future__ import annotations

from .. import config
from ..storage.errors import StorageUnavailable

# The operating system's errors for a full disk, a quota or a limit of file sizes.
FULL_CODES = ("EDQUOT", "EFBIG", "ENOSPC")
FULL = "the disk is full; free some space"
BUSY = "another process is writing to the folder; wait until that process has finished"
FAILS = "the disk is full, or fails; free some space, and check the disk"
DENIED = (
    "this user cannot write to the folder, or the file system is read-only; change its owner, or"
    " choose another LOCAL_DYNAMODB"
)
MOVED = "the file was moved or deleted; restart the server"
NO_FOLDER = "a part of the path is a file; choose another LOCAL_DYNAMODB"
DAMAGED = "the file tickets.sqlite3 is damaged; restore a backup, or move the file to start empty"

# What is wrong, then what to do, as the rest of a sentence after a colon.
REMEDIES = {
    **dict.fromkeys((*FULL_CODES, "SQLITE_FULL"), FULL),
    **dict.fromkeys(("EBUSY", "SQLITE_BUSY"), BUSY),
    **dict.fromkeys(("EACCES", "EPERM", "EROFS", "SQLITE_CANTOPEN", "SQLITE_READONLY"), DENIED),
    **dict.fromkeys(("EIO", "SQLITE_IOERR"), FAILS),
    **dict.fromkeys(("ENOENT", "ESTALE"), MOVED),
    **dict.fromkeys(("EEXIST", "ENOTDIR"), NO_FOLDER),
    **dict.fromkeys(("SQLITE_CORRUPT", "SQLITE_NOTADB"), DAMAGED),
}


def remedy(error: StorageUnavailable) -> str:
    """Return what is wrong and what to do, as the rest of a sentence after a colon."""
    if error.cause == "ResourceNotFoundException":
        return (
            f"the table {config.TABLE_NAME} does not exist in {config.LOCAL_DYNAMODB}; run"
            " `flask init-db`, or correct TABLE_NAME or LOCAL_DYNAMODB"
        )
    known = REMEDIES.get("_".join(error.cause.split("_")[:2]))
    return known or f"{error.message} ({error.cause})"
