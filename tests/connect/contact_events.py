"""Events of Amazon Connect flows, each with its exact response.

The events have the members of the example in "Invoke a Lambda function from a flow" in the Amazon
Connect Administrator Guide. Each event meets the tickets that `store` stores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from itsm_app.storage import items
from itsm_app.storage.models import Ticket
from itsm_app.tickets import numbers, places

from ..support.faulty_dynamodb import delete_all_items

INSTANCE = "arn:aws:connect:us-east-1:123456789012:instance/c8c0e68d-2200-4265-82c0-0123456789ab"
OTHER_INSTANCE = INSTANCE.replace("c8c0", "d9d1")
CONTACT = "4a573372-1f28-4e26-b97b-0123456789ab"
ANNA, BOB, CARL = "+15550166", "+15550177", "+15550188"
# Values that differ between runs.
TIME = re.compile(r"^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
OLD = "2001-02-03T04:05:0{}.000000Z"


def _number(seed: str) -> str:
    return numbers.written(next(numbers.candidates("table", seed)))


PRINTER, DOOR, OLD_LAPTOP, BOBS, HIDDEN, LONG = map(_number, "123456")


def ticket_id(number: str) -> str:
    return numbers.ticket_id(number.replace("-", ""))


def _store(number: str, caller: str, text: str, second: int, **fields: Any) -> None:
    ticket = Ticket(
        ticket_id=ticket_id(number),
        ticket_number=number,
        caller_id=caller,
        issue_description=text,
        created_at=OLD.format(second),
        updated_at=OLD.format(second),
        **fields,
    )
    places.set_place(ticket)
    assert items.put_new(ticket)


def answer(text: str, second: int) -> dict[str, str]:
    """Return an answer of the desk."""
    added_at = OLD.format(second)
    return {"comment_text": text, "added_at": added_at, "comment_id": text, "author": "dora"}


def store() -> None:
    """Delete all tickets, and store those that the events meet."""
    delete_all_items()
    _store(PRINTER, ANNA, "My printer is on fire", 1, comments=[answer("Use the stairs", 5)])
    _store(DOOR, ANNA, "The door is stuck!", 2, status="in_progress")
    _store(OLD_LAPTOP, ANNA, "Old laptop", 0, status="closed", comments=[answer("Done", 4)])
    _store(BOBS, BOB, "Bob's secret door", 3)
    _store(HIDDEN, "anonymous", "Withheld words", 4)
    _store(LONG, CARL, "\U0001f525" * 1000, 5, comments=[answer("\U0001f525" * 10_000, 6)])


class Case(NamedTuple):
    """An event and its response. Texts such as times are replaced: see `comparable`."""

    label: str
    event: Any
    response: dict[str, str]


def event(operation: Any, customer: Any = ANNA, /, **parameters: Any) -> dict[str, Any]:
    """Return the event of a call, with the parameters of the flow block."""
    sent = parameters if operation is None else {"operation": operation, **parameters}
    endpoint = (
        {"Address": customer, "Type": "TELEPHONE_NUMBER"} if isinstance(customer, str) else customer
    )
    return {
        "Details": {
            "ContactData": {
                "Attributes": {},
                "Channel": "VOICE",
                "ContactId": CONTACT,
                "CustomerEndpoint": endpoint,
                "CustomerId": None,
                "Description": None,
                "InitialContactId": CONTACT,
                "InitiationMethod": "INBOUND",
                "InstanceARN": INSTANCE,
                "LanguageCode": "en-US",
                "MediaStreams": {"Customer": {"Audio": None}},
                "Name": None,
                "PreviousContactId": CONTACT,
                "Queue": None,
                "References": {},
                "SystemEndpoint": {"Address": "+18005550100", "Type": "TELEPHONE_NUMBER"},
            },
            "Parameters": sent,
        },
        "Name": "ContactFlowEvent",
    }


def changed(event: dict[str, Any], **data: Any) -> dict[str, Any]:
    """Return an event with other contact data. An Ellipsis removes a member."""
    contact = {**event["Details"]["ContactData"], **data}
    contact = {name: value for name, value in contact.items() if value is not ...}
    return {**event, "Details": {**event["Details"], "ContactData": contact}}


def comparable(response: Mapping[str, str]) -> dict[str, str]:
    """Replace the current time and the request ID, which differ between runs."""
    return {
        name: "REQUEST"
        if name == "request_id"
        else "NOW"
        if TIME.match(text) and not text.startswith("2001-")
        else text
        for name, text in response.items()
    }


def ok(**fields: str) -> dict[str, str]:
    return {"ok": "true", "code": "ok", **fields}


UNAVAILABLE = "I cannot reach the ticket system right now. Please try again in a few minutes."
DETAILS = "I did not get all the details. Please say that again."


def error(code: str, text: str, say: str = UNAVAILABLE) -> dict[str, str]:
    return {
        "ok": "false",
        "code": code,
        "say": say,
        "error": text,
        "retryable": "false",
        "request_id": "REQUEST",
    }


def invalid(text: str) -> dict[str, str]:
    return error("invalid_field", text, DETAILS)


INVALID_EVENT = error(
    "invalid_event",
    "The event is not a complete ContactFlowEvent of Amazon Connect. Call this function with the"
    " flow block AWS Lambda function.",
)
UNKNOWN_INSTANCE = error(
    "unknown_instance",
    "This service does not accept this instance of Amazon Connect. The operator of this service"
    " must add the ARN of the instance to CONNECT_INSTANCES.",
)
UNKNOWN_OPERATION = error(
    "unknown_operation",
    "The parameter `operation` is missing or unknown. Send begin_call, create_ticket,"
    " get_ticket_status, add_ticket_comment, list_recent_tickets or hand_over.",
)


def mismatch(length: int) -> dict[str, str]:
    return error(
        "caller_mismatch",
        f"`caller_id`, a text of length {length}, is not the caller to whom this request is bound."
        " Leave the field out: this request can read, create and comment on tickets of its own"
        " caller only.",
        "I can only help you with your own tickets.",
    )


def not_found(length: int) -> dict[str, str]:
    return error(
        "ticket_not_found",
        f"No ticket that this request may read has this ID or number of {length} characters. An ID"
        " has 36 characters, and a ticket number has 12 digits. Ask the caller to say the number"
        " again, digit by digit, or list the caller's tickets.",
        "I cannot find a ticket of yours with this number. Please say the number again, digit by"
        " digit.",
    )


def misheard(digits: int) -> dict[str, str]:
    return error(
        "misheard_number",
        f"This {digits}-digit number is not a valid ticket number. A ticket number has 12 digits,"
        " and the last digit is a check digit. Ask the caller to say the number again, digit by"
        " digit.",
        "I did not understand the ticket number. Please say it again, digit by digit.",
    )


def text_rule(field: str, length: int, found: str, next_step: str) -> dict[str, str]:
    rule = f"must be a text of 1 to {length} characters, not only white space"
    if found == "missing":
        rule = f"is missing: it {rule}"
        return invalid(f"`{field}` {rule}. {next_step}")
    return invalid(f"`{field}` {rule}, but it is {found}. {next_step}")


DESCRIBE = "Ask the caller to describe the problem; send the rest of a long text as comments."
ADD = "Ask the caller what to add; split a long text into several comments."
ASK_NUMBER = "Ask the caller for the ticket number, or list the caller's tickets."
WITHHELD = (
    "The caller's number is withheld, so their tickets cannot be listed. Ask the caller for a"
    " ticket number and get that ticket."
)
NO_NUMBER = "I cannot see your phone number. If you have a ticket number, please say it."


def ticket(number: str, prefix: str = "ticket_", /, **fields: str) -> dict[str, str]:
    shown = {"number": number, "spoken_number": numbers.spoken(number), **fields}
    return {f"{prefix}{name}": text for name, text in shown.items()}


PRINTER_FIELDS = {
    "status": "open",
    "issue_description": "My printer is on fire",
    "created_at": OLD.format(1),
    "updated_at": OLD.format(1),
}
DOOR_FIELDS = {
    "status": "in_progress",
    "issue_description": "The door is stuck!",
    "created_at": OLD.format(2),
    "updated_at": OLD.format(2),
}
LAPTOP_FIELDS = {
    "status": "closed",
    "issue_description": "Old laptop",
    "created_at": OLD.format(0),
    "updated_at": OLD.format(0),
    "latest_comment": "Done",
    "latest_comment_by": "desk",
}
LATEST = {"latest_comment": "Use the stairs", "latest_comment_by": "desk"}
PRINTER_STATUS = ok(
    **ticket(PRINTER, **PRINTER_FIELDS, **LATEST),
    say=f"Ticket {numbers.spoken(PRINTER)} is open.",
)
HIDDEN_STATUS = ok(
    **ticket(
        HIDDEN,
        status="open",
        issue_description="Withheld words",
        created_at=OLD.format(4),
        updated_at=OLD.format(4),
    ),
    say=f"Ticket {numbers.spoken(HIDDEN)} is open.",
)
BEGUN = ok(
    caller_known="true",
    ticket_count="2",
    **ticket(DOOR, "ticket_1_", **DOOR_FIELDS),
    **ticket(PRINTER, "ticket_2_", **PRINTER_FIELDS),
    answer_count="1",
    answer_1_ticket_number=PRINTER,
    answer_1_ticket_spoken_number=numbers.spoken(PRINTER),
    answer_1_text="Use the stairs",
    answer_1_at=OLD.format(5),
    say=f"You have 2 open tickets. Ticket {numbers.spoken(DOOR)}: The door is stuck! Ticket"
    f" {numbers.spoken(PRINTER)}: My printer is on fire. The service desk has answered. Ticket"
    f" {numbers.spoken(PRINTER)}: Use the stairs.",
)
BEGUN_WITHHELD = ok(
    caller_known="false", ticket_count="0", answer_count="0", note=WITHHELD, say=NO_NUMBER
)
BEGUN_NEW = ok(
    caller_known="true", ticket_count="0", answer_count="0", say="You have no open tickets."
)
COMMENTED = ok(ticket_updated_at="NOW", replayed="false", say="I have added this to your ticket.")
TAKES_OVER = (
    "A person of the service desk takes over. Everything you said so far is passed on. If I cannot"
    " connect you, the service desk calls you back."
)


def created(number: str, **fields: str) -> dict[str, str]:
    spoken = numbers.spoken(number)
    return ok(
        ticket_number=number,
        ticket_spoken_number=spoken,
        ticket_status="open",
        ticket_created_at="NOW",
        replayed="false",
        **{"say": f"I have created a ticket for you. The ticket number is {spoken}.", **fields},
    )


HANDED_OVER = {"handover": "waiting", "say": TAKES_OVER}
STATUS = event("get_ticket_status", ticket_number=PRINTER)
NO_ENDPOINT = changed(event("begin_call"), CustomerEndpoint=...)
# The numbers follow from the caller and the idempotency key, which must not change between
# releases: Amazon Connect can repeat an event during an update.
BY_WORDS, BY_STEP, BY_KEY, BY_ANONYMOUS, BY_HANDOVER = (
    "0664-5644-4363",
    "4218-4135-1815",
    "4567-9394-2471",
    "3551-0124-9800",
    "7012-6354-0670",
)
FIRE = "The coffee machine is on fire"
CASES = [
    # begin_call, by channel and caller.
    Case("voice", event("begin_call"), BEGUN),
    Case("new caller", event("begin_call", "+15550199"), BEGUN_NEW),
    Case("callback", changed(event("begin_call"), InitiationMethod="CALLBACK"), BEGUN),
    Case("outbound", changed(event("begin_call"), InitiationMethod="OUTBOUND"), BEGUN),
    Case("transfer", changed(event("begin_call"), InitiationMethod="TRANSFER"), BEGUN),
    Case("queue transfer", changed(event("begin_call"), InitiationMethod="QUEUE_TRANSFER"), BEGUN),
    Case("SMS", changed(event("begin_call"), Channel="CHAT", InitiationMethod="API"), BEGUN),
    Case(
        "web chat",
        changed(event("begin_call", None), Channel="CHAT", InitiationMethod="API"),
        BEGUN_WITHHELD,
    ),
    Case("task", changed(event("begin_call"), Channel="TASK"), BEGUN_WITHHELD),
    Case("e-mail", changed(event("begin_call"), Channel="EMAIL"), BEGUN_WITHHELD),
    Case("no channel", changed(event("begin_call"), Channel=...), BEGUN_WITHHELD),
    Case("web call", changed(event("begin_call"), InitiationMethod="WEBRTC_API"), BEGUN_WITHHELD),
    Case("no endpoint", NO_ENDPOINT, BEGUN_WITHHELD),
    Case("endpoint without members", event("begin_call", {}), BEGUN_WITHHELD),
    Case(
        "endpoint without address",
        event("begin_call", {"Type": "TELEPHONE_NUMBER"}),
        BEGUN_WITHHELD,
    ),
    Case("endpoint without type", event("begin_call", {"Address": ANNA}), BEGUN_WITHHELD),
    *(
        Case(
            f"endpoint {kind}", event("begin_call", {"Address": ANNA, "Type": kind}), BEGUN_WITHHELD
        )
        for kind in ("VOIP", "CONTACT_FLOW", "EMAIL_ADDRESS", "telephone_number")
    ),
    *(
        Case(f"address {address!r}", event("begin_call", address), BEGUN_WITHHELD)
        for address in (
            "",
            "anonymous",
            "Restricted",
            "+266696687",
            "+86282452253",
            "+7378742833",
            "15550166",
            f"{ANNA} ",
            "sip:anna@example.com",
            "+1555016\u0666",
        )
    ),
    # Reading.
    Case("status", STATUS, PRINTER_STATUS),
    Case(
        "spoken number",
        event("get_ticket_status", ticket_number=numbers.spoken(PRINTER)),
        PRINTER_STATUS,
    ),
    Case(
        "own caller in another form",
        event("get_ticket_status", ticket_number=PRINTER, caller=f" {ANNA}"),
        PRINTER_STATUS,
    ),
    Case(
        "empty parameters",
        event("get_ticket_status", ticket_number=PRINTER, caller="", step=None),
        PRINTER_STATUS,
    ),
    Case(
        "unknown parameter",
        event("get_ticket_status", ticket_number=PRINTER, colour="red"),
        PRINTER_STATUS,
    ),
    Case(
        "withheld status",
        event("get_ticket_status", "anonymous", ticket_number=HIDDEN),
        HIDDEN_STATUS,
    ),
    Case("ticket of another", event("get_ticket_status", ticket_number=BOBS), not_found(14)),
    Case(
        "ticket of another, withheld",
        event("get_ticket_status", "", ticket_number=BOBS),
        not_found(14),
    ),
    Case("misheard", event("get_ticket_status", ticket_number="1234"), misheard(4)),
    Case(
        "no number",
        event("get_ticket_status"),
        text_rule("ticket_number", 100, "missing", ASK_NUMBER),
    ),
    Case(
        "number is an object",
        event("get_ticket_status", ticket_number={"a": "b"}),
        text_rule("ticket_number", 100, "an object", ASK_NUMBER),
    ),
    Case(
        "list",
        event("list_recent_tickets"),
        ok(
            ticket_count="3",
            **ticket(DOOR, "ticket_1_", **DOOR_FIELDS),
            **ticket(PRINTER, "ticket_2_", **PRINTER_FIELDS, **LATEST),
            **ticket(OLD_LAPTOP, "ticket_3_", **LAPTOP_FIELDS),
            say="I found 3 tickets of yours.",
        ),
    ),
    Case(
        "list by status",
        event("list_recent_tickets", status="closed"),
        ok(
            ticket_count="1",
            **ticket(OLD_LAPTOP, "ticket_1_", **LAPTOP_FIELDS),
            say="I found 1 ticket of yours.",
        ),
    ),
    Case(
        "empty list",
        event("list_recent_tickets", "+15550199"),
        ok(ticket_count="0", say="I found no tickets of yours."),
    ),
    Case(
        "withheld list",
        event("list_recent_tickets", ""),
        ok(ticket_count="0", note=WITHHELD, say=NO_NUMBER),
    ),
    Case(
        "unknown status",
        event("list_recent_tickets", status="done"),
        invalid(
            '`status` must be open, in_progress, resolved or closed, but it is "done". Send one of'
            " these values, or leave the field out."
        ),
    ),
    # Writing.
    Case("create", event("create_ticket", issue_description=FIRE), created(BY_WORDS)),
    Case(
        "create with a step",
        event("create_ticket", issue_description=FIRE, step="1"),
        created(BY_STEP),
    ),
    Case(
        "create with a key",
        event("create_ticket", issue_description=FIRE, idempotency_key="k"),
        created(BY_KEY),
    ),
    Case(
        "create, withheld",
        event("create_ticket", "", issue_description=FIRE),
        created(BY_ANONYMOUS),
    ),
    Case(
        "create without words",
        event("create_ticket"),
        text_rule("issue_description", 1000, "missing", DESCRIBE),
    ),
    Case(
        "create with an empty text",
        event("create_ticket", issue_description=""),
        text_rule("issue_description", 1000, "missing", DESCRIBE),
    ),
    Case(
        "create with a long text",
        event("create_ticket", issue_description="x" * 1001),
        text_rule("issue_description", 1000, "1001 characters long", DESCRIBE),
    ),
    Case(
        "create with half of a surrogate pair",
        event("create_ticket", issue_description="\ud800"),
        invalid(
            "`issue_description` is not valid UTF-8: it contains bytes of another encoding, or half"
            " of a surrogate pair. Encode the text as UTF-8; in a query, also percent-encode the"
            " text."
        ),
    ),
    Case(
        "create with an oversized parameter",
        event("create_ticket", issue_description=FIRE, other="x" * 70_000),
        error(
            "body_too_large",
            "The body is longer than 65536 bytes. Send only the fields of the operation, and send a"
            " long text as several comments.",
            "That was too long for me. Please say it in fewer words.",
        ),
    ),
    Case(
        "comment",
        event("add_ticket_comment", ticket_number=PRINTER, comment="It is out"),
        COMMENTED,
    ),
    Case(
        "comment without words",
        event("add_ticket_comment", ticket_number=PRINTER),
        text_rule("comment", 1000, "missing", ADD),
    ),
    Case(
        "comment on a closed ticket",
        event("add_ticket_comment", ticket_number=OLD_LAPTOP, comment="Still there?"),
        error(
            "ticket_closed",
            "This ticket is closed and cannot change. Create a new ticket that refers to this"
            " ticket.",
            "This ticket is closed. I can create a new ticket for you.",
        ),
    ),
    Case(
        "comment on the ticket of another",
        event("add_ticket_comment", ticket_number=BOBS, comment="Let me in"),
        not_found(14),
    ),
    Case(
        "hand over a ticket",
        event("hand_over", ticket_number=DOOR, reason="Upset", summary="Turned the key"),
        ok(ticket_updated_at="NOW", replayed="false", **HANDED_OVER),
    ),
    Case(
        "hand over with the caller's words",
        event("hand_over", ticket_number=DOOR, comment="A person, please"),
        ok(ticket_updated_at="NOW", replayed="false", **HANDED_OVER),
    ),
    Case(
        "hand over a new problem",
        event("hand_over", issue_description=FIRE),
        created(BY_HANDOVER, **HANDED_OVER),
    ),
    Case(
        "hand over nothing",
        event("hand_over"),
        text_rule("issue_description", 1000, "missing", DESCRIBE),
    ),
    # Another caller.
    Case(
        "caller is an object",
        event("get_ticket_status", ticket_number=PRINTER, caller={"Address": BOB}),
        invalid(
            "`caller_id` must be a text, but it is not. Leave the field out: Amazon Connect names"
            " the caller."
        ),
    ),
    Case(
        "another caller",
        event("get_ticket_status", ticket_number=BOBS, caller_id=BOB),
        mismatch(9),
    ),
    # The operation.
    Case("no operation", event(None), UNKNOWN_OPERATION),
    Case("unknown operation", event("update_ticket"), UNKNOWN_OPERATION),
    Case("operation in another case", event("BEGIN_CALL"), UNKNOWN_OPERATION),
    Case("operation is an object", event({"a": 1}), UNKNOWN_OPERATION),
    Case(
        "parameters are null",
        {**STATUS, "Details": {**STATUS["Details"], "Parameters": None}},
        UNKNOWN_OPERATION,
    ),
    # The instance.
    Case("unknown instance", changed(STATUS, InstanceARN=OTHER_INSTANCE), UNKNOWN_INSTANCE),
    Case("longer instance", changed(STATUS, InstanceARN=f"{INSTANCE}0"), UNKNOWN_INSTANCE),
    Case("empty instance", changed(STATUS, InstanceARN=""), UNKNOWN_INSTANCE),
    # Missing and malformed parts.
    *(
        Case(f"without {name}", changed(STATUS, **{name: ...}), INVALID_EVENT)
        for name in ("ContactId", "InstanceARN")
    ),
    *(
        Case(f"contact ID {value!r:.20}", changed(STATUS, ContactId=value), INVALID_EVENT)
        for value in (None, "", 5, "a b", "x" * 101)
    ),
    Case("endpoint is a text", changed(STATUS, CustomerEndpoint=ANNA), INVALID_EVENT),
    Case("address is a list", event("begin_call", {"Address": [ANNA]}), INVALID_EVENT),
    Case("only a name", {"Name": "ContactFlowEvent"}, INVALID_EVENT),
    Case("details are a list", {**STATUS, "Details": []}, INVALID_EVENT),
    Case("no contact data", {**STATUS, "Details": {"Parameters": {}}}, INVALID_EVENT),
    Case(
        "parameters are a text",
        {**STATUS, "Details": {**STATUS["Details"], "Parameters": "x"}},
        INVALID_EVENT,
    ),
]
