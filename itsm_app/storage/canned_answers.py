"""The canned answers of the desk, in one item of the table that is no ticket.

The item has no key of any index, so no list and no statistic has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import items, timestamps
from .attributes import EntriesAttribute


def read() -> tuple[list[dict[str, str]], int]:
    """Return all canned answers, and the revision of the item: 0 if nobody has saved one yet."""
    item = items.read_item(items.CANNED_ANSWERS_KEY)
    if item is None:
        return [], 0
    return EntriesAttribute().deserialize(item["answers"]["L"]), int(item["revision"]["N"])


def replace(answers: Iterable[Mapping[str, str]], seen_revision: int) -> bool:
    """Store all canned answers. Return False if somebody stored others since `seen_revision`."""
    item: items.Item = {
        "ticket_id": {"S": items.CANNED_ANSWERS_KEY},
        "answers": {"L": EntriesAttribute().serialize(answers)},
        "revision": {"N": str(seen_revision + 1)},
        "updated_at": {"S": timestamps.now()},
    }
    return items.put_revision(item, seen_revision)
