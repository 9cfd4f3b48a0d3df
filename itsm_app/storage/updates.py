"""One conditional UpdateItem of a ticket, put together part by part.

Its texts are DynamoDB's own: "Using update expressions" and "Condition expressions" in the
DynamoDB Developer Guide. PynamoDB's expressions take a tenth of a request's CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api.errors import TicketFull
from ..tickets import limits, retention
from .models import Comment, Event, Ticket


class Update:
    """What to write on a ticket, and on what conditions. All writes are counted on it."""

    def __init__(self, ticket_id: str, now: str) -> None:
        self.ticket_id = ticket_id
        self._set = ["updated_at = :now"]
        self._remove: list[str] = []
        self._add = ["revision :one", "content_bytes :bytes"]
        self._conditions = [retention.KEPT]
        self._values: dict[str, Any] = {":now": {"S": now}, ":one": {"N": "1"}}
        self._values[":clock"] = retention.clock()
        self._bytes = 0
        self._said = 0

    def say(self, comment: Comment) -> None:
        """Append a comment, unless it is there, or the ticket's caller was erased."""
        self._once(comment["comment_id"])
        self._conditions.append("attribute_not_exists(erased_at)")
        self._set.append("comments = list_append(comments, :comments)")
        self._values[":comments"] = {"L": Ticket.comments.serialize([comment])}
        self._bytes += limits.of_comments([comment])
        self._said = len(comment["comment_text"])
        if "author" in comment:
            self._set_once("answered_at")

    def change(self, events: Sequence[Event]) -> None:
        """Change fields as these events of one call tell, if they still are as told there."""
        # They may have become so again when a request comes a second time, late.
        self._once(events[0]["change_id"])
        for event in events:
            field, was = event["field"], event.get("from")
            # Who has no priority stored has the default.
            self.require(field, was, *([None] if (field, was) == ("priority", "normal") else []))
            self._change(field, event.get("to"))
            if field == "status":
                self._note_end(event["to"])
        self._set.append("history = list_append(if_not_exists(history, :no_events), :events)")
        self._values[":no_events"] = {"L": []}
        self._values[":events"] = {"L": Ticket.history.serialize(events)}
        self._bytes += limits.of_history(events)

    def require(self, field: str, *values: str | None) -> None:
        """Let a field have one of these values; None stands for there being none."""
        texts = {f":{field}_{n}": {"S": each} for n, each in enumerate(values) if each is not None}
        self._values |= texts
        conditions = [f"{_name(field)} IN ({', '.join(texts)})"] if texts else []
        if None in values:
            conditions.append(f"attribute_not_exists({_name(field)})")
        text = " OR ".join(conditions)
        self._conditions.append(f"({text})" if len(conditions) > 1 else text)

    def forbid(self, field: str, *values: str) -> None:
        """Let a field have none of these values."""
        texts = {f":not_{each}": {"S": each} for each in values}
        self._conditions.append(f"NOT {_name(field)} IN ({', '.join(texts)})")
        self._values |= texts

    def require_version(self, ticket: Ticket) -> None:
        """Let nobody have written since the ticket was as it is here."""
        if ticket.revision is None:
            self._conditions.append("attribute_not_exists(revision)")
        else:
            self._conditions.append("revision = :revision")
            self._values[":revision"] = {"N": str(ticket.revision)}

    def require_room(self, most: int, ticket: Ticket | None) -> None:
        """Let the ticket have at most so many bytes after all that was said and changed here.

        One from before there were counts needs to be given, as it is now. It changes by comments
        only, and with the next write it has a count. Raises `TicketFull` for one that is given and
        has no room.
        """
        if ticket is not None and limits.of_ticket(ticket) + self._bytes > most:
            raise TicketFull(self._said)
        if ticket is None or ticket.content_bytes is not None:
            self._conditions.append("content_bytes <= :room")
            self._values[":room"] = {"N": str(most - self._bytes)}
        else:
            self._conditions += ["attribute_not_exists(content_bytes)", "size(comments) = :count"]
            self._values[":count"] = {"N": str(len(ticket.comments))}
            self._bytes += limits.of_ticket(ticket)

    def request(self) -> dict[str, Any]:
        """Return UpdateItem's parameters but the table."""
        parts = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}
        texts = [f"{verb} {', '.join(part)}" for verb, part in parts.items() if part]
        return {
            "Key": {"ticket_id": {"S": self.ticket_id}},
            "UpdateExpression": " ".join(texts),
            "ConditionExpression": " AND ".join(self._conditions),
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {**self._values, ":bytes": {"N": str(self._bytes)}},
        }

    def _once(self, written_id: str) -> None:
        if ":written_id" not in self._values:
            self._add.append("comment_ids :written_ids")
            self._conditions.append("NOT contains(comment_ids, :written_id)")
            self._values[":written_id"] = {"S": written_id}
            self._values[":written_ids"] = {"SS": [written_id]}

    def _note_end(self, status: str) -> None:
        if status in ("resolved", "closed"):
            self._set_once("resolved_at")
        if status == "closed" and (end := retention.expires_at(self._values[":now"]["S"])):
            self._set.append("expires_at = :expires_at")
            self._values[":expires_at"] = end

    def _set_once(self, field: str) -> None:
        self._set.append(f"{field} = if_not_exists({field}, :now)")

    def _change(self, field: str, value: str | None) -> None:
        if value is None:
            self._remove.append(field)
        else:
            self._set.append(f"{_name(field)} = :{field}")
            self._values[f":{field}"] = {"S": value}


def _name(field: str) -> str:
    # "Reserved words in DynamoDB", there.
    return "#status" if field == "status" else field
