"""The notice of the desk, in one item of the table that is no ticket.

The item has no key of any index, so no list and no statistic has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import items, retry


def read() -> tuple[dict[str, str], int]:
    """Return the texts of the item, and its revision: 0 if nobody has posted a notice yet.

    A notice that was ended has no texts besides key and time of the change.
    """
    item = items.read_item(items.NOTICE_KEY) or {}
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    return texts, int(item["revision"]["N"]) if item else 0


def read_once() -> tuple[dict[str, str], int]:
    """Read the notice in one attempt, because a caller waits and can do without the notice."""
    with retry.without_retries():
        return read()


def replace(texts: Mapping[str, str], seen_revision: int) -> bool:
    """Store a notice. Without texts, end it.

    Return False if somebody stored another notice since `seen_revision`.
    """
    content = {name: {"S": text} for name, text in texts.items()}
    return items.put_revision(items.NOTICE_KEY, content, seen_revision)
