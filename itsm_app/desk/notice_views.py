"""The views of the notice: the form that posts it and ends it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, redirect, request, url_for
from werkzeug import Response as BaseResponse

from ..api import error_responses, parsing, request_schemas
from ..api import notices as operations
from ..tickets import limits, notices
from ..tickets.errors import (
    ChangedMeanwhile,
    InvalidField,
    MisheardNumber,
    TicketBusy,
    TicketNotFound,
)
from . import messages, pages

ERRORS_ON_PAGE = (ChangedMeanwhile, InvalidField, MisheardNumber, TicketBusy, TicketNotFound)
SUCCESS_MESSAGES = {
    "post": "The notice was posted. All callers get it within 30 seconds.",
    "end": "The notice was ended. No caller gets it after 30 seconds.",
}
# How long a notice can last, in minutes.
DURATIONS = (
    (30, "30 minutes"),
    (60, "1 hour"),
    (120, "2 hours"),
    (240, "4 hours"),
    (480, "8 hours"),
    (1440, "24 hours"),
)

ViewResponse = BaseResponse | tuple[Response, int]


def show_notice() -> Response:
    """Show the notice, and the form for a new one."""
    return _page({})


def change_notice() -> ViewResponse:
    """Post a notice, or end it."""
    done = "end" if "end" in request.form else "post"
    try:
        if done == "end":
            ending = parsing.load_form(request_schemas.NoticeEnding, request.form.to_dict())
            operations.end_notice(ending.revision)
        else:
            form = _form()
            operations.post_notice(form, form.revision)
    except ERRORS_ON_PAGE as error:
        body, status = error_responses.explain(error)
        return _page(request.form, messages.form_message(error, body, "notice")), status
    return redirect(url_for("desk.show_notice", done=done), 303)


def _form() -> request_schemas.NoticeForm:
    fields = request.form.to_dict()
    if fields.get("ends_at"):
        # A browser leaves out the time zone, and mostly the seconds: "Local dates and times" in the
        # HTML standard. The page asks for UTC.
        fields["ends_at"] += "Z" if fields["ends_at"].count(":") == 2 else ":00Z"
        # The choice of a duration always has a value.
        fields.pop("minutes", None)
    return parsing.load_form(request_schemas.NoticeForm, fields)


def _page(form: Mapping[str, str], message: str | None = None) -> Response:
    notice, revision = notices.read()
    return pages.render(
        "notice.html",
        notice=notice,
        revision=revision,
        form=form,
        durations=DURATIONS,
        max_characters=limits.MAX_NOTICE_CHARACTERS,
        success_message=SUCCESS_MESSAGES.get(request.args.get("done", "")),
        error_message=message,
    )
