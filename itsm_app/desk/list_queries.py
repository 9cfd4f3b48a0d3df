"""The lists of the queue page: what a URL asks for, and its tickets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from flask import g, url_for
from msgspec import Meta, Struct

from ..api import parsing, response_schemas
from ..api.field_types import Assignee, Cursor, Order, Priority, Status
from ..tickets import lifecycle, lists
from ..tickets.errors import InvalidField

PAGE_TICKETS = 25
DEFAULT_VIEW = "open"

View = Annotated[
    Literal["waiting", "mine", "unassigned", "open", "in_progress", "resolved", "closed"],
    Meta(
        description=", ".join(lists.VIEWS[:-1]) + f" or {lists.VIEWS[-1]}",
        extra={"next_step": "Send one of these values, or leave the field out."},
    ),
]


class ListQuery(Struct, kw_only=True, omit_defaults=True):
    """The query of the queue page.

    `status` selects the tickets of a status in the order of their creation, as in earlier releases.
    `order` and `assignee` do the same in a view of one status.
    """

    view: View | None = None
    status: Status | None = None
    priority: Priority | None = None
    assignee: Assignee | None = None
    order: Order | None = None
    cursor: Cursor | None = None

    @property
    def tab(self) -> str:
        """The view that the page marks as the current view."""
        return self.view or self.status or DEFAULT_VIEW

    @property
    def is_by_creation(self) -> bool:
        """Whether the list has the order of creation instead of the order of the desk's work."""
        return bool(self.status or self.assignee or self.order)

    @property
    def has_details(self) -> bool:
        """Whether the list has hand-overs, replies, reopenings and the name of the creator.

        `StatusIndex` does not project them, so a missing value has no meaning there.
        """
        return not self.is_by_creation and self.tab not in lifecycle.DONE


def parse(args: Mapping[str, str]) -> ListQuery:
    """Parse the query of the queue page.

    Raises:
        InvalidField: A value is invalid, or the view does not support the order or the assignee.
    """
    query = parsing.load_form(ListQuery, args)
    if query.view and query.status:
        raise InvalidField("status", "must be left out if there is a view", "Choose a view.")
    if query.is_by_creation and query.tab not in lifecycle.TRANSITIONS:
        field = "order" if query.order else "assignee"
        raise InvalidField(field, "must be left out in this view", "Choose a view of one status.")
    return query


def find(query: ListQuery, limit: int = PAGE_TICKETS) -> response_schemas.Queue:
    """Return a page of the list. Raises `InvalidField` if the cursor belongs to another list."""
    if query.is_by_creation:
        page = lists.list_queue(
            query.tab, query.priority, query.assignee, query.order == "newest", limit, query.cursor
        )
    else:
        page = lists.list_view(query.tab, g.key.name, query.priority, limit, query.cursor)
    return response_schemas.queue(*page)


def url(query: ListQuery, endpoint: str = "desk.show_queue", **changes: str | None) -> str:
    """Return the URL of a list.

    Args:
        query: The list.
        endpoint: The page.
        changes: Other values for fields of the query, or values of other arguments. None leaves a
            field out. A list with other values begins at its first page.
    """
    fields = {**msgspec.to_builtins(query), **({"cursor": None} if changes else {}), **changes}
    return url_for(endpoint, **{name: text for name, text in fields.items() if text is not None})
