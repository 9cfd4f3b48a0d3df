"""The four requests to DynamoDB, each with its condition, retried by the one policy.

All of them raise `StorageUnavailable` when DynamoDB cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from .exceptions import StorageUnavailable
from .models import Comment, Ticket
from .retry import with_retries

# "Service, account, and table quotas" in the DynamoDB Developer Guide: partition key length.
MAX_KEY_BYTES = 2048
# DynamoDB's item ends at 400 KB, and a write costs as much as its item is long.
MAX_CONTENT_BYTES = 300 * 1024
# What a ticket and a comment take besides their text: names, ids and times.
TICKET_BYTES = 600
COMMENT_BYTES = 200

APPEND = (
    "SET comments = list_append(comments, :comments), updated_at = :added_at"
    " ADD comment_ids :comment_ids, content_bytes :length"
)
HAS_ROOM = "content_bytes <= :room"
# A ticket without a count changes by comments only, and with the next one it has a count.
IS_STILL = "attribute_not_exists(content_bytes) AND size(comments) = :count"
IS_NEW = "attribute_not_exists(ticket_id)"
IS_THEIRS = "caller_id = :caller_id"


def content_bytes(ticket: Ticket) -> int:
    """Return the bytes that a ticket takes: as counted on it, or of one from before, as it is."""
    if ticket.content_bytes is not None:
        return int(ticket.content_bytes)
    texts = _bytes(ticket.caller_id) + _bytes(ticket.issue_description)
    return TICKET_BYTES + texts + sum(comment_bytes(each) for each in ticket.comments)


def comment_bytes(comment: Comment) -> int:
    """Return the bytes that a comment takes on its ticket."""
    return COMMENT_BYTES + _bytes(comment["comment_text"])


def has_room(ticket: Ticket, comment: Comment) -> bool:
    """Whether the ticket can take the comment."""
    return content_bytes(ticket) + comment_bytes(comment) <= MAX_CONTENT_BYTES


def put_new(ticket: Ticket) -> bool:
    """Store a ticket, and return False if there is one with its id."""
    ticket.content_bytes = content_bytes(ticket)
    return _write("PutItem", Item=ticket.serialize(), ConditionExpression=IS_NEW)


def find(ticket_id: str, caller_id: str | None = None) -> Ticket | None:
    """Return the ticket as it is now, if it is the caller's or they are not given."""
    if not _can_be_key(ticket_id):
        return None
    item = _ask("GetItem", Key=_key(ticket_id), ConsistentRead=True).get("Item")
    # Before it is read: another's ticket should take no longer than none.
    if item is None or (caller_id is not None and item.get("caller_id") != {"S": caller_id}):
        return None
    return Ticket.from_raw_data(item)


def append(
    ticket_id: str, comment: Comment, caller_id: str | None, uncounted: Ticket | None
) -> bool:
    """Append a comment once, and return False if it is there, has no room, or has no ticket.

    To a caller who is given, another's ticket is none. A ticket from before there were counts needs
    to be given, as it is now, as `uncounted`; another comment meanwhile makes it False too.
    """
    if not _can_be_key(ticket_id):
        return False
    length = comment_bytes(comment)
    values = {
        ":comments": {"L": Ticket.comments.serialize([comment])},
        ":added_at": {"S": comment["added_at"]},
        ":comment_id": {"S": comment["comment_id"]},
        ":comment_ids": {"SS": [comment["comment_id"]]},
    }
    if uncounted is None:
        condition = HAS_ROOM
        values[":room"] = {"N": str(MAX_CONTENT_BYTES - length)}
    else:
        condition = IS_STILL
        values[":count"] = {"N": str(len(uncounted.comments))}
        length += content_bytes(uncounted)
    values[":length"] = {"N": str(length)}
    if caller_id is not None:
        condition = f"{condition} AND {IS_THEIRS}"
        values[":caller_id"] = {"S": caller_id}
    return _write(
        "UpdateItem",
        Key=_key(ticket_id),
        UpdateExpression=APPEND,
        ConditionExpression=f"{condition} AND NOT contains(comment_ids, :comment_id)",
        ExpressionAttributeValues=values,
    )


def newest_first(caller_id: str, limit: int, start_key: dict[str, Any] | None) -> Iterator[Ticket]:
    """Return the caller's tickets from `start_key` on, read as they are taken, `limit` at a time.

    One answer of DynamoDB's ends at 1 MB; the next goes on from there.
    """
    request: dict[str, Any] = {
        "IndexName": Ticket.caller_id_index.Meta.index_name,
        "KeyConditionExpression": IS_THEIRS,
        "ExpressionAttributeValues": {":caller_id": {"S": caller_id}},
        "ScanIndexForward": False,
        "Limit": limit,
    }
    while True:
        start = {"ExclusiveStartKey": start_key} if start_key else {}
        answer = _ask("Query", **request, **start)
        yield from map(Ticket.from_raw_data, answer["Items"])
        start_key = answer.get("LastEvaluatedKey")
        if start_key is None:
            return


def _write(operation: str, **request: Any) -> bool:
    try:
        _ask(operation, **request)
    except ClientError:
        # Only a failed condition comes through `with_retries` as it is.
        return False
    return True


def _ask(operation: str, **request: Any) -> dict[str, Any]:
    # Not by PynamoDB's methods, which put their expressions together anew for each request: a tenth
    # of its CPU.
    dispatch = Ticket.connection().connection.dispatch
    request["TableName"] = Ticket.Meta.table_name
    return with_retries(lambda: _confirm(dispatch(operation, request)))


def _key(ticket_id: str) -> dict[str, Any]:
    return {"ticket_id": {"S": ticket_id}}


def _can_be_key(ticket_id: str) -> bool:
    return len(ticket_id.encode()) <= MAX_KEY_BYTES


def _bytes(text: str) -> int:
    # In JSON, which is what an answer may be long of, and never shorter than what DynamoDB stores.
    return len(msgspec.json.encode(text))


def _confirm(answer: dict[str, Any]) -> dict[str, Any]:
    # Something else than DynamoDB at its address may say 200 too, and has stored nothing.
    if "RequestId" not in answer["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
    return answer
