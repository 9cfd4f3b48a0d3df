"""Pass the changes of a stream to their consumers, and park those that cannot be processed."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from ..storage import search_index, timestamps
from ..storage.errors import INVALID_ITEM, StorageUnavailable
from ..storage.retry import retries_per_request
from . import records
from .consumers import CONSUMERS
from .records import Record

# How often a change is tried before it is parked.
MAX_ATTEMPTS = 3
# The least time to process one change, with the retries of its requests. With less time left, the
# rest of a batch is left to the next call.
MIN_SECONDS = 20

# Failed attempts of this process, by consumer and sequence number.
_failures: Counter[tuple[str, str]] = Counter()
_logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What became of a batch.

    Attributes:
        unfinished: The sequence numbers of the changes that must be repeated, in their order.
        parked: How many changes were parked.
    """

    unfinished: list[str]
    parked: int


def process(batch: Sequence[Record], seconds_left: Callable[[], float]) -> Outcome:
    """Pass changes to their consumers.

    After a change that must be repeated, later changes of the same ticket must be repeated too.
    Changes of other tickets are processed.

    Args:
        batch: Records of the stream, in the order of the stream.
        seconds_left: Returns how much time is left for this call.
    """
    unfinished: list[str] = []
    tickets: set[str] = set()
    parked = 0
    with retries_per_request():
        for record in batch:
            content = record["dynamodb"]
            ticket, number = str(content["Keys"]), content["SequenceNumber"]
            states = [_State.UNFINISHED]
            if ticket not in tickets and seconds_left() >= MIN_SECONDS:
                states = [_consume(name, record, number) for name in CONSUMERS]
            parked += states.count(_State.PARKED)
            if _State.UNFINISHED in states:
                unfinished.append(number)
                tickets.add(ticket)
    return Outcome(unfinished, parked)


class _State(Enum):
    DONE = auto()
    UNFINISHED = auto()
    PARKED = auto()


def _consume(name: str, record: Record, number: str) -> _State:
    try:
        change = records.read(record)
        if change:
            CONSUMERS[name](change)
    except StorageUnavailable as error:
        if error.cause not in INVALID_ITEM:
            fields = {"consumer": name, "sequence_number": number, "cause": error.cause}
            _logger.warning("change_delayed", extra={"fields": fields})
            return _State.UNFINISHED
        return _fail(name, record, number, error.cause)
    except Exception as error:
        return _fail(name, record, number, _where(error))
    _failures.pop((name, number), None)
    return _State.DONE


def _fail(name: str, record: Record, number: str, reason: str) -> _State:
    """Count a failure, and park the change if it has failed too often."""
    _failures[name, number] += 1
    attempts = _failures[name, number]
    fields = {"consumer": name, "sequence_number": number, "reason": reason, "attempts": attempts}
    if attempts < MAX_ATTEMPTS:
        _logger.warning("change_failed", extra={"fields": fields})
        return _State.UNFINISHED
    ticket_id = record["dynamodb"]["Keys"].get("ticket_id", {}).get("S", "")
    try:
        search_index.park(
            number,
            consumer=name,
            ticket_id=ticket_id,
            reason=reason,
            failed_at=timestamps.now(),
        )
    except StorageUnavailable:
        return _State.UNFINISHED
    del _failures[name, number]
    _logger.error("change_parked", extra={"fields": fields})
    return _State.PARKED


def _where(error: Exception) -> str:
    """Return the class of an exception, and where it was raised. Its message can have texts."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
