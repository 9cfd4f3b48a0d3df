"""The change stream of the ticket table in moto, and a stream handler that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from itsm_app.changes import processing
from itsm_app.changes.processing import Outcome
from itsm_app.storage import search_table
from itsm_app.storage.models import Ticket

POLL_SECONDS = 0.002


class MotoStream:
    """The stream, and the position up to which its records were processed."""

    def __init__(self) -> None:
        assert search_table.turn_on_stream()
        ((account, region),) = [
            (account, region)
            for account, regions in dynamodb_backends.items()
            for region, backend in regions.items()
            if Ticket.Meta.table_name in backend.tables
        ]
        self._table = dynamodb_backends[account][region].tables[Ticket.Meta.table_name]
        self._position = 0

    def turn_off(self) -> None:
        self._table.set_stream_specification(None)
        self._table.stream_shard = self._table.latest_stream_label = None

    def records(self) -> list[dict[str, Any]]:
        """Return the records that were not processed yet."""
        assert self._table.stream_shard is not None
        return [each.to_json() for each in self._table.stream_shard.items[self._position :]]

    def process(self, seconds_left: Callable[[], float] = lambda: inf) -> Outcome:
        """Process a batch. As with Lambda, the first unfinished record is the next one."""
        records = self.records()
        outcome = processing.process(records, seconds_left)
        numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
        end = numbers.index(outcome.unfinished[0]) if outcome.unfinished else len(numbers)
        self._position += end
        return outcome

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Process the records in another thread."""
        stopped = threading.Event()

        def follow() -> None:
            while not stopped.wait(POLL_SECONDS):
                self.process()

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
