"""The types of the fields that clients send, with their limits and error texts.

`description` completes the sentence "`field` must be …". `next_step` says what to do about it.
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
        "Send the id that this caller's tickets are kept under, such as a phone number.",
    ),
]
IssueDescription = Annotated[
    str,
    text(
        limits.MAX_DESCRIPTION_CHARACTERS,
        "Ask the caller what is wrong; what is too long can follow as comments.",
    ),
]
CommentText = Annotated[
    str,
    text(
        limits.MAX_COMMENT_CHARACTERS,
        "Ask the caller what to add; split what is too long into several comments.",
    ),
]
IdempotencyKey = Annotated[
    str,
    text(
        limits.MAX_IDEMPOTENCY_KEY_CHARACTERS,
        "Send one short text with all repeats of a call, such as its id and a count.",
    ),
]
Limit = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.MAX_PAGE_TICKETS,
        description=f"a whole number from 1 to {limits.MAX_PAGE_TICKETS}",
        extra={"next_step": f"Leave it out for {limits.DEFAULT_PAGE_TICKETS}."},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        description="the next_cursor of the page before, unchanged",
        extra={"next_step": "Copy it again, or leave it out to begin anew."},
    ),
]
Comments = Annotated[
    Literal["all", "latest", "none"],
    Meta(description="all, latest or none", extra={"next_step": "Leave it out for all."}),
]
Status = Annotated[
    Literal["open", "in_progress", "resolved", "closed"],
    Meta(
        description="open, in_progress, resolved or closed",
        extra={"next_step": "Send one of these, or leave it out."},
    ),
]
Version = Annotated[
    Literal["3.0.0", "3.1.0"],
    Meta(
        description="the version of OpenAPI, 3.0.0 or 3.1.0",
        extra={"next_step": "Leave it out for 3.0.0."},
    ),
]


Priority = Annotated[
    Literal["low", "normal", "high", "urgent"],
    Meta(
        description="low, normal, high or urgent",
        extra={"next_step": "Send one of these, or leave it out."},
    ),
]
Assignee = Annotated[
    str,
    text(
        limits.MAX_ASSIGNEE_CHARACTERS, "Send the name of who is to work on it, or null for nobody."
    ),
]
History = Annotated[
    Literal["all", "none"],
    Meta(description="all or none", extra={"next_step": "Leave it out for none."}),
]
Order = Annotated[
    Literal["newest", "oldest"],
    Meta(description="newest or oldest", extra={"next_step": "Leave it out for oldest."}),
]
