"""The types of the fields that clients send, with their limits and error texts.

In an error message, `description` completes the sentence "`field` must be …", and `next_step` is
the sentence after it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from ..tickets import characters, limits

HEADER_NEXT_STEP = (
    "Tell the caller that the tickets are not available; the operator of the platform must correct"
    " the header."
)


def text(length: int, next_step: str) -> Meta:
    """Return the rule for a text of 1 to `length` characters (code points)."""
    return Meta(
        min_length=1,
        max_length=length,
        pattern=characters.VISIBLE,
        description=f"a text of 1 to {length} characters, not only white space",
        extra={"next_step": next_step},
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
DeskCommentText = Annotated[
    str,
    text(
        limits.MAX_DESK_COMMENT_CHARACTERS,
        "Write the answer or the note; split a long text into several comments.",
    ),
]
Visibility = Annotated[
    Literal["public", "internal"],
    Meta(
        description="public (the caller gets the comment) or internal (only the desk sees it)",
        extra={"next_step": "Send one of these values, or leave the field out for public."},
    ),
]
Reference = Annotated[
    str,
    text(
        limits.MAX_CALLER_ID_CHARACTERS,
        "Send the number of another ticket of the same caller.",
    ),
]
Reason = Annotated[
    str,
    text(
        limits.MAX_REASON_CHARACTERS,
        "Say in a few words why the caller needs a person, for example: asks for a person.",
    ),
]
Summary = Annotated[
    str,
    text(
        limits.MAX_SUMMARY_CHARACTERS,
        "Summarise the problem and what was tried, for the person who takes over.",
    ),
]
ContactId = Annotated[
    str,
    text(
        limits.MAX_CONTACT_ID_CHARACTERS,
        "Send the ID of the call or chat, or leave the field out.",
    ),
]
HandoverState = Annotated[
    Literal["waiting"],
    Meta(
        description="waiting",
        extra={"next_step": "Send this value, or leave the field out."},
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
SearchText = Annotated[
    str,
    text(
        limits.MAX_SEARCH_CHARACTERS,
        "Search for words, for a ticket number or for a caller.",
    ),
]
# A parameter that a search does not support: no value matches the pattern.
NotInSearch = Annotated[
    str,
    Meta(
        pattern="(?!)",
        description="left out of a search",
        extra={"next_step": "Send q without this parameter."},
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
CallerVerified = Annotated[
    Literal["none", "number", "pin", "voice"],
    Meta(
        description="none, number, pin or voice",
        extra={"next_step": HEADER_NEXT_STEP},
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
CannedName = Annotated[
    str,
    text(limits.MAX_CANNED_NAME_CHARACTERS, "Enter the name under which people find the answer."),
]
CannedText = Annotated[
    str,
    text(limits.MAX_CANNED_TEXT_CHARACTERS, "Write the text that people insert."),
]
JOIN_NOTICE = Meta(
    description="true or false",
    extra={"next_step": "Leave the field out if the caller does not join the notice."},
)
JoinNotice = Annotated[bool, JOIN_NOTICE]
NoticeText = Annotated[
    str,
    text(limits.MAX_NOTICE_CHARACTERS, "Write in a few words what callers are told."),
]
NoticeEnd = Annotated[
    datetime,
    Meta(
        tz=True,
        description="a time with a time zone, such as 2026-11-23T22:08:48Z",
        extra={"next_step": "Send such a time, or send minutes."},
    ),
]
Minutes = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.MAX_NOTICE_MINUTES,
        description=f"a whole number from 1 to {limits.MAX_NOTICE_MINUTES}",
        extra={"next_step": "A notice ends after at most 24 hours."},
    ),
]
IncidentReference = Annotated[
    str,
    text(
        limits.MAX_CALLER_ID_CHARACTERS,
        "Send the number of the incident's ticket, or leave the field out.",
    ),
]
Revision = Annotated[
    int,
    Meta(
        ge=0,
        description="the revision that the page has",
        extra={"next_step": "Load the page again."},
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
