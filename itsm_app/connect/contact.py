"""The event of the flow block "AWS Lambda function", and whose call it is.

The format is described in "Invoke a Lambda function from a flow" in the Amazon Connect
Administrator Guide.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from .. import config
from ..api.errors import InvalidEvent, UnknownInstance
from ..tickets import callers
from ..tickets.limits import MAX_CONTACT_ID_CHARACTERS

# Amazon Connect's own channels for calls and for SMS. A task or an e-mail has no phone number.
PHONE_CHANNELS = ("VOICE", "CHAT")
INSTANCE = re.compile(r"arn:aws[a-z-]*:connect:[a-z0-9-]+:[0-9]{12}:instance/[A-Za-z0-9-]{1,100}")
ANONYMOUS = "anonymous"
# Some telephone networks send these words as digits of the keypad. ANONYMOUS, UNAVAILABLE,
# RESTRICTED, UNKNOWN, PRIVATE, WITHHELD, BLOCKED: none is a valid phone number.
KEYPAD_WORDS = frozenset(
    {
        "+266696687",
        "+86282452253",
        "+7378742833",
        "+8656696",
        "+7748283",
        "+94844353",
        "+2562533",
    }
)


class Endpoint(Struct):
    """The address of the customer or of the service."""

    address: str | None = msgspec.field(default=None, name="Address")
    type: str | None = msgspec.field(default=None, name="Type")


class ContactData(Struct):
    """What Amazon Connect itself says about a contact."""

    contact_id: Annotated[
        str, Meta(pattern=rf"^[A-Za-z0-9-]{{1,{MAX_CONTACT_ID_CHARACTERS}}}\Z")
    ] = msgspec.field(name="ContactId")
    instance_arn: str = msgspec.field(name="InstanceARN")
    channel: str | None = msgspec.field(default=None, name="Channel")
    initiation_method: str | None = msgspec.field(default=None, name="InitiationMethod")
    customer: Endpoint | None = msgspec.field(default=None, name="CustomerEndpoint")


class Details(Struct):
    """The contact, and the parameters of the flow block."""

    contact: ContactData = msgspec.field(name="ContactData")
    parameters: dict[str, Any] | None = msgspec.field(default=None, name="Parameters")


class Event(Struct):
    """The event."""

    details: Details = msgspec.field(name="Details")
    name: Literal["ContactFlowEvent"] = msgspec.field(name="Name")


class Contact(NamedTuple):
    """A contact that may use the service.

    Attributes:
        contact_id: The ID of the call or chat.
        caller_id: The phone number of the caller, or `anonymous`.
        parameters: The parameters of the flow block that have a value.
    """

    contact_id: str
    caller_id: str
    parameters: dict[str, Any]

    @property
    def caller_verified(self) -> str:
        """How the caller was verified: `number` if the telephone network sent one, or `none`."""
        return "none" if self.caller_id == ANONYMOUS else "number"


def instances() -> frozenset[str]:
    """Return the ARNs of the instances whose flows may call this function.

    Raises:
        InvalidSetting: `CONNECT_INSTANCES` is malformed.
    """
    return parse_instances(config.CONNECT_INSTANCES)


def parse_instances(setting: str) -> frozenset[str]:
    """Return the ARNs in a value of `CONNECT_INSTANCES`.

    Raises:
        InvalidSetting: The value is malformed.
    """
    arns = [each.strip() for each in setting.split(",") if each.strip()]
    for position, arn in enumerate(arns, start=1):
        if not INSTANCE.fullmatch(arn):
            raise config.InvalidSetting(
                f"Entry {position} of CONNECT_INSTANCES is malformed. Use ARNs of the form"
                " arn:aws:connect:REGION:ACCOUNT:instance/ID, separated by commas"
            )
    return frozenset(arns)


def load(event: Any, known_instances: frozenset[str]) -> Contact:
    """Return the contact of an event.

    Raises:
        UnknownInstance: The event comes from another instance.
        InvalidEvent: The event is incomplete.
    """
    if not known_instances:
        raise UnknownInstance
    try:
        details = msgspec.convert(event, Event).details
    except msgspec.ValidationError:
        raise InvalidEvent from None
    if details.contact.instance_arn not in known_instances:
        raise UnknownInstance
    # A flow sends an empty text for an attribute that has no value.
    sent = (details.parameters or {}).items()
    parameters = {name: value for name, value in sent if value not in ("", None)}
    return Contact(details.contact.contact_id, _caller(details.contact), parameters)


def _caller(contact: ContactData) -> str:
    customer = contact.customer
    # The address of a web call or of a web chat comes from the browser.
    is_phone = contact.channel in PHONE_CHANNELS and contact.initiation_method != "WEBRTC_API"
    if not is_phone or customer is None or customer.type != "TELEPHONE_NUMBER":
        return ANONYMOUS
    address = customer.address or ""
    if address in KEYPAD_WORDS or not callers.E164.fullmatch(address):
        return ANONYMOUS
    return address
