"""The views of the canned answers: the list, and the forms to add, change and delete answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import uuid4

from flask import Response, redirect, request, url_for
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import NotFound

from ..api import error_responses, operations, parsing, request_schemas
from ..tickets import canned_answers, limits
from ..tickets.canned_answers import CannedAnswer
from ..tickets.errors import ChangedMeanwhile, IdempotencyKeyReused, InvalidField, TicketBusy
from . import messages, pages

ERRORS_ON_PAGE = (ChangedMeanwhile, IdempotencyKeyReused, InvalidField, TicketBusy)
SUCCESS_MESSAGES = {
    "add": "The canned answer was added.",
    "change": "The canned answer was changed.",
    "delete": "The canned answer was deleted.",
}

ViewResponse = BaseResponse | tuple[Response, int]


class Shown(NamedTuple):
    """A canned answer on the page, and its text for the ticket in the query of the page."""

    answer: CannedAnswer
    text: str


def show_canned_answers() -> Response:
    """Show all canned answers. With `ticket` in the query, fill in their placeholders."""
    return _list_page({})


def add_canned_answer() -> ViewResponse:
    """Add a canned answer."""

    def add() -> None:
        answer, _ = _answer()
        canned_answers.add(answer)

    return _store("add", add, _list_page)


def show_canned_answer(answer_id: str) -> Response:
    """Show the form for one canned answer."""
    return _edit_page(answer_id, {})


def change_canned_answer(answer_id: str) -> ViewResponse:
    """Change or delete a canned answer."""

    def page(form: Mapping[str, str], message: str) -> Response:
        return _edit_page(answer_id, form, message)

    def delete() -> None:
        form = parsing.load_form(request_schemas.CannedAnswerDeletion, request.form.to_dict())
        canned_answers.delete(answer_id, form.revision)

    def replace() -> None:
        answer, revision = _answer()
        canned_answers.replace(answer._replace(answer_id=answer_id), revision)

    if "delete" in request.form:
        return _store("delete", delete, page)
    return _store("change", replace, page)


def _answer() -> tuple[CannedAnswer, int | None]:
    sent = parsing.load_form(request_schemas.CannedAnswer, request.form.to_dict())
    return CannedAnswer(sent.answer_id, sent.name, sent.text), sent.revision


def _store(
    done: str,
    store: Callable[[], None],
    page: Callable[[Mapping[str, str], str], Response],
) -> ViewResponse:
    try:
        store()
    except ERRORS_ON_PAGE as error:
        body, status = error_responses.explain(error)
        return page(request.form, messages.form_message(error, body, "canned_answer")), status
    return redirect(url_for("desk.show_canned_answers", done=done), 303)


def _list_page(form: Mapping[str, str], message: str | None = None) -> Response:
    answers, _ = canned_answers.read()
    caller_id = number = ticket = None
    if reference := request.args.get("ticket"):
        query = request_schemas.OneTicketQuery(comments="none")
        ticket, _ = operations.get_ticket_status(reference, query)
        caller_id, number = ticket.caller_id, ticket.ticket_number or ticket.ticket_id
    return pages.render(
        "canned_answers.html",
        answers=[
            Shown(each, canned_answers.fill(each.text, caller_id, number))
            if caller_id and number
            else Shown(each, each.text)
            for each in answers
        ],
        ticket=ticket,
        form=form,
        answer_id=form.get("answer_id") or str(uuid4()),
        limits=limits,
        success_message=SUCCESS_MESSAGES.get(request.args.get("done", "")),
        error_message=message,
    )


def _edit_page(answer_id: str, form: Mapping[str, str], message: str | None = None) -> Response:
    answers, revision = canned_answers.read()
    answer = next((each for each in answers if each.answer_id == answer_id), None)
    if answer is None and not form:
        raise NotFound
    return pages.render(
        "canned_answer.html",
        answer_id=answer_id,
        # None if a colleague has deleted the answer.
        stored=answer,
        form=form or (answer and answer._asdict()),
        revision=revision,
        limits=limits,
        error_message=message,
    )
