"""The types of the fields that clients send, with their limits and error texts.

In an error message, `description` completes the sentence "`field` must be …", and `next_step` is
the sentence after it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ..tickets import limits


def text(length: int, next_step: str) -> Meta:
    """Return the rule for a text of 1 to `length` characters (code points)."""
    requirement = f"a text of 1 to {length} characters, not only white space"
    extra = {"next_step": next_step}
    return Meta(
        min_length=1, max_length=length, pattern=r"\S", description=requirement, extra=extra
    )


CallerId = Annotated[
    str,
    text(
        limits.MAX_CALLER_ID_CHARACTERS,
        "Send the ID of the caller, for example a phone number.",
    ),
]
IssueDescription = Annotated[
    str,
    text(
        limits.MAX_DESCRIPTION_CHARACTERS,
        "Ask the caller to describe the problem; send the rest of a long text as comments.",
    ),
]
CommentText = Annotated[
    str,
    text(
        limits.MAX_COMMENT_CHARACTERS,
        "Ask the caller what to add; split a long text into several comments.",
    ),
]
IdempotencyKey = Annotated[
    str,
    text(
        limits.MAX_IDEMPOTENCY_KEY_CHARACTERS,
        "Send a short text, for example the call's ID and a counter, and the same text with each"
        " retry.",
    ),
]
Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.MAX_PAGE_TICKETS,
        description=f"a whole number from 1 to {limits.MAX_PAGE_TICKETS}",
        extra={"next_step": f"Leave the field out to get {limits.DEFAULT_PAGE_TICKETS} tickets."},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        description="the unchanged next_cursor of the previous page",
        extra={"next_step": "Copy the cursor again, or leave the field out to get the first page."},
    ),
]
Comments = Annotated[
    Literal["all", "latest", "none"],
    Meta(
        description="all, latest or none",
        extra={"next_step": "Leave the field out to get all comments."},
    ),
]
Status = Annotated[
    Literal["open", "in_progress", "resolved", "closed"],
    Meta(
        description="open, in_progress, resolved or closed",
        extra={"next_step": "Send one of these values, or leave the field out."},
    ),
]
Version = Annotated[
    Literal["3.0.0", "3.1.0"],
    Meta(
        description="the OpenAPI version 3.0.0 or 3.1.0",
        extra={"next_step": "Leave the field out to get version 3.0.0."},
    ),
]
Priority = Annotated[
    Literal["low", "normal", "high", "urgent"],
    Meta(
        description="low, normal, high or urgent",
        extra={"next_step": "Send one of these values, or leave the field out."},
    ),
]
Assignee = Annotated[
    str,
    text(
        limits.MAX_ASSIGNEE_CHARACTERS,
        "Send the name of the person who works on the ticket, or null for nobody.",
    ),
]
History = Annotated[
    Literal["all", "none"],
    Meta(description="all or none", extra={"next_step": "Leave the field out to get no history."}),
]
Order = Annotated[
    Literal["newest", "oldest"],
    Meta(
        description="newest or oldest",
        extra={"next_step": "Leave the field out to get the oldest tickets first."},
    ),
]
