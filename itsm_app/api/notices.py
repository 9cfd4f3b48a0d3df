"""The notice in responses, and the operations with which the desk posts and ends it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from flask import g

from ..storage.errors import StorageUnavailable
from ..tickets import notices
from ..tickets.errors import InvalidField
from . import caller_binding, optional_requests, request_schemas, response_schemas
from .errors import BoundRefused

_logger = logging.getLogger(__name__)


def current() -> response_schemas.Notice | None:
    """Return the notice for a response, or None.

    Read the notice at most once in 30 s. If the read fails or the time is short, return the notice
    that this process knows. A failure is logged.
    """
    if notices.is_outdated() and not optional_requests.is_late():
        try:
            notices.refresh()
        except StorageUnavailable as error:
            _logger.warning("notice_not_read", extra={"fields": {"cause": error.cause}})
    found = notices.current()
    return found and response_schemas.Notice(found.text, found.ends_at, found.ticket_number)


def show_notice() -> response_schemas.NoticeState:
    """Return the notice as it is stored now, and who posted it."""
    _require_desk()
    found, _ = notices.read()
    return _state(found)


def post_notice(
    new: request_schemas.NewNotice, seen_revision: int | None = None
) -> response_schemas.NoticeState:
    """Post a notice in place of the present one. Return it.

    Args:
        new: The notice.
        seen_revision: The revision of the notice that the person has seen, or None for any.
    """
    _require_desk()
    ends_at = _end(new)
    return _state(notices.post(new.text, ends_at, new.ticket_number, g.key.name, seen_revision))


def end_notice(seen_revision: int | None = None) -> response_schemas.NoticeState:
    """End the notice. Return a response without a notice."""
    _require_desk()
    notices.end(seen_revision)
    return response_schemas.NoticeState()


def _require_desk() -> None:
    # The blueprint has checked the role. A request that is bound to a caller can come from a
    # language model, which must not speak to all callers.
    if not caller_binding.may_see_all():
        raise BoundRefused


def _end(new: request_schemas.NewNotice) -> datetime:
    if new.ends_at is not None and new.minutes is not None:
        raise InvalidField(
            "minutes", "must be left out if ends_at is sent", "Send only one of the two."
        )
    if new.ends_at is not None:
        return new.ends_at
    if new.minutes is not None:
        return datetime.now(UTC) + timedelta(minutes=new.minutes)
    raise InvalidField(
        "ends_at",
        "is missing: it must be a time within the next 24 hours",
        "Send ends_at, or send minutes.",
    )


def _state(found: notices.Notice | None) -> response_schemas.NoticeState:
    shown = found and response_schemas.dump(response_schemas.DeskNotice, found._asdict())
    return response_schemas.NoticeState(shown)
