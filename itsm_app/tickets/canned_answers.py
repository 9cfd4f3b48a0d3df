"""Canned answers: texts that the desk inserts into its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..storage import canned_answers
from . import callers
from .comment import ATTEMPTS
from .errors import ChangedMeanwhile, IdempotencyKeyReused, InvalidField, TicketBusy
from .limits import MAX_CANNED_ANSWERS


class CannedAnswer(NamedTuple):
    """A canned answer. `{caller}` and `{number}` in the text are placeholders.

    Attributes:
        answer_id: The id. The client chooses the id of a new answer, so a repetition adds nothing.
        name: The name under which people find the answer.
        text: The text.
    """

    answer_id: str
    name: str
    text: str


Answers = dict[str, CannedAnswer]


def read() -> tuple[list[CannedAnswer], int]:
    """Return all canned answers by name, and the revision that a change must name."""
    answers, revision = _read()
    return sorted(answers.values(), key=lambda each: each.name.casefold()), revision


def add(answer: CannedAnswer) -> None:
    """Add a canned answer.

    Raises:
        InvalidField: There are 50 canned answers already.
        IdempotencyKeyReused: An answer with this id and other content exists.
        TicketBusy: Others changed the canned answers at every attempt.
    """

    def change(answers: Answers, _: int) -> Answers:
        if answer.answer_id in answers:
            raise IdempotencyKeyReused
        if len(answers) >= MAX_CANNED_ANSWERS:
            requirement = f"must be at most {MAX_CANNED_ANSWERS}"
            raise InvalidField("answers", requirement, "Delete an answer, then add the new answer.")
        return {**answers, answer.answer_id: answer}

    _store(change, lambda answers: answers.get(answer.answer_id) == answer)


def replace(answer: CannedAnswer, seen_revision: int | None) -> None:
    """Change a canned answer.

    Raises:
        ChangedMeanwhile: Somebody changed the canned answers since `seen_revision`, or nobody has
            added this answer.
        TicketBusy: Others changed the canned answers at every attempt.
    """

    def change(answers: Answers, revision: int) -> Answers:
        if revision != seen_revision or answer.answer_id not in answers:
            raise ChangedMeanwhile
        return {**answers, answer.answer_id: answer}

    _store(change, lambda answers: answers.get(answer.answer_id) == answer)


def delete(answer_id: str, seen_revision: int | None) -> None:
    """Delete a canned answer. The errors are the same as in `replace`."""

    def change(answers: Answers, revision: int) -> Answers:
        if revision != seen_revision:
            raise ChangedMeanwhile
        return {key: each for key, each in answers.items() if key != answer_id}

    _store(change, lambda answers: answer_id not in answers)


def fill(text: str, caller_id: str, number: str) -> str:
    """Return the text of a canned answer with the caller and the number of a ticket.

    A pseudonym is not filled in, because the caller does not know it.
    """
    if callers.is_pseudonym(caller_id):
        caller_id = "{caller}"
    # The number first: a caller ID can contain the text of a placeholder.
    return caller_id.join(part.replace("{number}", number) for part in text.split("{caller}"))


def _read() -> tuple[Answers, int]:
    stored, revision = canned_answers.read()
    # An imported answer can have other members.
    answers = (CannedAnswer(*(each[name] for name in CannedAnswer._fields)) for each in stored)
    return {answer.answer_id: answer for answer in answers}, revision


def _store(change: Callable[[Answers, int], Answers], is_done: Callable[[Answers], bool]) -> None:
    for _ in range(ATTEMPTS):
        answers, revision = _read()
        # An earlier attempt may have succeeded and lost its response.
        if is_done(answers):
            return
        changed = change(answers, revision)
        if canned_answers.replace([each._asdict() for each in changed.values()], revision):
            return
    raise TicketBusy
