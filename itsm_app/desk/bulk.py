"""The form around a list, which changes the selected tickets, and the page with its results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from flask import g, url_for
from itsdangerous import BadData
from msgspec import UNSET, Meta, Struct, UnsetType

from ..api import bulk_changes, parsing
from ..api.bulk_changes import Result, Selected
from ..api.field_types import Assignee, IdempotencyKey, Priority
from ..api.request_schemas import TicketChange
from ..tickets.errors import InvalidField
from . import list_queries, sessions

SALT = "desk-results"
# How long the URL of the page after a change shows the results.
RESULT_SECONDS = 600

Action = Annotated[
    Literal["assign", "take", "priority", "resolve", "close"],
    Meta(
        description="assign, take, priority, resolve or close",
        extra={"next_step": "Press one of the buttons above the list."},
    ),
]


class BulkForm(Struct, kw_only=True):
    """The form around a list, without the selected tickets.

    Attributes:
        action: What to do with each ticket.
        new_assignee: The assignee for `assign`.
        new_priority: The priority for `priority`.
        shown_at: When the list was shown.
        back: The query of the list.
        idempotency_key: If the form is sent twice, it takes effect once.
        sure: Sent by the page that confirms closing.
    """

    action: Action
    new_assignee: Assignee | None = None
    new_priority: Priority | UnsetType = UNSET
    shown_at: str = ""
    back: str = ""
    idempotency_key: IdempotencyKey | None = None
    sure: str | None = None


class Results(NamedTuple):
    """The action of a form, and its results."""

    action: str
    results: Sequence[Result]


def parse(fields: Mapping[str, str]) -> BulkForm:
    """Parse the form. Raises `InvalidField`, also if the action needs a field that is missing."""
    form = parsing.load_form(BulkForm, fields)
    if form.action == "assign" and form.new_assignee is None:
        raise parsing.missing(BulkForm, "new_assignee")
    if form.action == "priority" and form.new_priority is UNSET:
        raise parsing.missing(BulkForm, "new_priority")
    return form


def check_sure(form: BulkForm) -> None:
    """Raise `InvalidField` if the form closes tickets and the person did not confirm it."""
    if form.action == "close" and form.sure is None:
        raise InvalidField("sure", "is missing", "Press Close, and confirm.")


def selected(values: Iterable[str]) -> list[Selected]:
    """Return the selected rows.

    Args:
        values: The value of each selected checkbox: the id and `updated_at`, joined with `@`.

    Raises:
        InvalidField: No row is selected, or more rows than a page has, or a value is malformed.
    """
    pairs = [value.rpartition("@")[::2] for value in dict.fromkeys(values)]
    if not pairs:
        raise InvalidField("ticket", "is missing", "Select at least one ticket.")
    limit = list_queries.PAGE_TICKETS
    if len(pairs) > limit or not all(ticket_id for ticket_id, _ in pairs):
        requirement = f"must be 1 to {limit} rows of a list, but it is {len(pairs)} values"
        raise InvalidField("ticket", requirement, "Select tickets of one page.")
    return [Selected(*pair) for pair in pairs]


def change(form: BulkForm, rows: Iterable[Selected]) -> Results:
    """Change the selected tickets, as far as they have not changed. Return the results."""
    ticket_change = TicketChange(idempotency_key=form.idempotency_key)
    if form.action in ("assign", "take"):
        ticket_change.assignee = g.key.name if form.action == "take" else form.new_assignee
    elif form.action == "priority":
        ticket_change.priority = form.new_priority or None
    else:
        ticket_change.status = "resolved" if form.action == "resolve" else "closed"
    return Results(form.action, bulk_changes.change_tickets(rows, ticket_change, form.shown_at))


def back_url(back: str, **arguments: Any) -> str:
    """Return the URL of the list with the query `back`, with more arguments."""
    try:
        query = list_queries.parse(dict(parse_qsl(back)))
    except InvalidField:
        return url_for("desk.show_queue", **arguments)
    return list_queries.url(query, cursor=query.cursor, **arguments)


def sign(results: Results) -> str:
    """Return results as a signed text for a URL, so that no other site can make up results."""
    return sessions.serializer(SALT).dumps((g.key.name, *results))


def read_results(text: str) -> Results | None:
    """Return signed results. None if they are forged, expired or somebody else's."""
    try:
        name, action, results = sessions.serializer(SALT).loads(text, max_age=RESULT_SECONDS)
    except BadData:
        return None
    if name != g.key.name:
        return None
    return Results(action, [Result(*each) for each in results])
