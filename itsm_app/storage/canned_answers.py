"""The canned answers of the desk, in one item of the table that is no ticket.

The item has no key of any index, so no list and no statistic has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import items
from .attributes import EntriesAttribute


def read() -> tuple[list[dict[str, str]], int]:
    """Return all canned answers, and the revision of the item: 0 if nobody has saved one yet."""
    item = items.read_item(items.CANNED_ANSWERS_KEY)
    if item is None:
        return [], 0
    return EntriesAttribute().deserialize(item["answers"]["L"]), int(item["revision"]["N"])


def replace(answers: Iterable[Mapping[str, str]], seen_revision: int) -> bool:
    """Store all canned answers. Return False if somebody stored others since `seen_revision`."""
    content = {"answers": {"L": EntriesAttribute().serialize(answers)}}
    return items.put_revision(items.CANNED_ANSWERS_KEY, content, seen_revision)
