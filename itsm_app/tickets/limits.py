"""How long texts, pages and tickets may be. Lengths of texts are in characters (code points)."""

from __future__ import annotations

from ..storage import sizes
from ..storage.models import Ticket
from ..storage.updates import Update
from .errors import TicketFull

MAX_CALLER_ID_CHARACTERS = 100
MAX_DESCRIPTION_CHARACTERS = 1000
MAX_COMMENT_CHARACTERS = 1000
MAX_DESK_COMMENT_CHARACTERS = 10_000
MAX_REASON_CHARACTERS = 100
MAX_SUMMARY_CHARACTERS = 1000
MAX_CONTACT_ID_CHARACTERS = 100
MAX_IDEMPOTENCY_KEY_CHARACTERS = 100
MAX_ASSIGNEE_CHARACTERS = 100
MAX_SEARCH_CHARACTERS = 200
# All canned answers are one item, of at most 400 KB. A character has up to 4 bytes, so 50 answers
# with the longest names and texts take 312 KB.
MAX_CANNED_ANSWERS = 50
MAX_CANNED_NAME_CHARACTERS = 60
MAX_CANNED_TEXT_CHARACTERS = 1500
MAX_NOTICE_CHARACTERS = 300
MAX_NOTICE_MINUTES = 24 * 60
# How many tickets that joined an incident are listed at the incident's ticket. A number takes up to
# 20 bytes there, and each join writes the whole ticket.
MAX_CHILDREN = 1000

# Tickets on one page of a list.
DEFAULT_PAGE_TICKETS = 10
MAX_PAGE_TICKETS = 100
# How many tickets are read at most for one page of a list.
MAX_TICKETS_READ = 100
# The same for a page of the desk that has no ticket yet.
MAX_TICKETS_READ_WITHOUT_MATCH = 10_000
# How far the desk's views are counted.
MAX_COUNT = 100
# Lambda returns at most 6 MB ("Lambda quotas" in the AWS Lambda guide). Our JSON is sent as a
# string inside another JSON document, so each quote and backslash takes two bytes.
MAX_PAGE_BYTES = 2_900_000

# DynamoDB's item limit is 400 KB. Our limit is lower, because DynamoDB charges each write for the
# whole item. A ticket without room for a comment can still change, and a ticket without room for a
# change can still be closed.
MAX_BYTES_AFTER_CLOSING = 300 * 1024
MAX_BYTES_AFTER_CHANGE = MAX_BYTES_AFTER_CLOSING - 512
MAX_BYTES_AFTER_COMMENT = MAX_BYTES_AFTER_CLOSING - 2 * 1024

# `SECRET_KEY` signs with HMAC-SHA1, and `CALLER_SECRET` with HMAC-SHA256. RFC 2104, section 3,
# requires a key of at least the length of the hash, which is 20 and 32 bytes.
MIN_SECRET_CHARACTERS = 32


def require_room(update: Update, max_bytes: int, ticket: Ticket | None) -> None:
    """Make an update fail if the ticket would have more than `max_bytes` afterwards.

    `ticket` is the ticket as it was read, or None if the ticket was not read. Raise `TicketFull` at
    once if the ticket as it was read has no room for the update.
    """
    if ticket is not None and sizes.of_ticket(ticket) + update.added_bytes > max_bytes:
        raise TicketFull(update.comment_length)
    update.require_room(max_bytes, ticket)
