"""A list as a CSV file for spreadsheets."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ..api.response_schemas import QueuedTicket
from . import list_queries
from .list_queries import ListQuery

MAX_TICKETS = 1000
# Lambda returns at most 6 MB, as a string inside JSON, where each quote takes two bytes.
MAX_BYTES = 2_500_000
# A Lambda has 10 s for the request, and one page of a list can take 7 s while DynamoDB fails.
MAX_SECONDS = 3
PAGE_TICKETS = 100
# The columns, and the field of each column.
COLUMNS = {
    "Number": "ticket_number",
    "ID": "ticket_id",
    "Status": "status",
    "Priority": "priority",
    "Assignee": "assignee",
    "Caller": "caller_id",
    "Description": "issue_description",
    "Created": "created_at",
    "Changed": "updated_at",
}
# The columns of lists that have these details: see `ListQuery.has_details`.
DETAIL_COLUMNS = {
    "Waiting for a person since": "handover_since",
    "Reopened": "reopened_at",
    "Last message": "last_comment_at",
    "Last message by": "last_comment_author",
    "Created by": "created_by",
}
# Spreadsheets run a cell that begins with one of these characters as a formula: "CSV Injection" of
# OWASP. The wide forms count too.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001
# Excel reads a file as UTF-8 only with this mark.
BYTE_ORDER_MARK = "\ufeff"


class Export(NamedTuple):
    """A CSV file, and whether the file has all tickets of the list."""

    text: str
    is_complete: bool


def export(query: ListQuery) -> Export:
    """Return the tickets of a list as a CSV file, from the first page of the list.

    The file ends after `MAX_TICKETS`, `MAX_BYTES` or `MAX_SECONDS`.
    """
    columns = {**COLUMNS, **(DETAIL_COLUMNS if query.has_details else {})}
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    end = time.monotonic() + MAX_SECONDS
    tickets_written = bytes_written = 0
    for page, has_more in _pages(query):
        for ticket in page:
            row = [_cell(ticket, field) for field in columns.values()]
            tickets_written += 1
            bytes_written += sum(len(cell.encode()) for cell in row)
            writer.writerow(row)
            if bytes_written > MAX_BYTES:
                return Export(text.getvalue(), False)
        if has_more and (tickets_written >= MAX_TICKETS or time.monotonic() > end):
            return Export(text.getvalue(), False)
    return Export(text.getvalue(), True)


def _pages(query: ListQuery) -> Iterator[tuple[list[QueuedTicket], bool]]:
    query = replace(query, cursor=None)
    while True:
        found = list_queries.find(query, PAGE_TICKETS)
        yield found.tickets, found.next_cursor is not None
        if found.next_cursor is None:
            return
        query = replace(query, cursor=found.next_cursor)


def _cell(ticket: QueuedTicket, field: str) -> str:
    text = getattr(ticket, field) or ""
    if field == "last_comment_author" and ticket.last_comment_at and not text:
        return "Caller"
    # Programs for spreadsheets can ignore white space before a formula.
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
