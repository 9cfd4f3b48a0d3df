"""The connection to DynamoDB: time-outs, user agent, credentials, check of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session
from pynamodb.connection import Connection

from .. import config
from . import aws_credentials
from .errors import StorageUnavailable

# Amazon Connect waits 8 s for a Lambda. In the worst case, each of the three attempts takes the
# connect time-out, the same time-out again for the TLS handshake, and the read time-out. With the
# waits between the attempts, this is 6.7 s.
CONNECT_TIMEOUT_SECONDS = 0.4
READ_TIMEOUT_SECONDS = 1.3
# One connection for each thread of a busy server.
MAX_POOL_CONNECTIONS = 64

# botocore builds its default user agent again for each request, which takes 0.10 ms, 8 % of the CPU
# of an API request.
USER_AGENT = f"itsm-app Botocore/{botocore.__version__}"

# botocore compares each value, such as {"S": "text"}, with all ten types of DynamoDB: 11 % of the
# CPU of a call, and 15 % of a list. A "document" stays as it is in JSON, in requests and in
# responses. Binary values would be text in base64, and no ticket has any.
DOCUMENTS = {
    name: {"type": "structure", "members": {}, "document": True}
    for name in (
        "AttributeMap",
        "ExpressionAttributeValueMap",
        "Key",
        "PutItemInputAttributeMap",
    )
}

ITEM_OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "Query", "Scan")


class _DataLoader(Loader):  # type: ignore[misc]  # botocore has no types
    """Loads botocore's description of DynamoDB without the parts that cost time at each call."""

    def load_service_model(
        self, service_name: str, type_name: str, api_version: str | None = None
    ) -> Any:
        """Load a description. See `botocore.loaders.Loader`."""
        # botocore would evaluate these rules at each request: 5 to 7 % of the CPU of a call.
        # Without them, it looks up DynamoDB's address once. The result differs only for addresses
        # that this project does not use: FIPS and dual-stack addresses of isolated and government
        # regions, and account-based addresses.
        if (service_name, type_name) == ("dynamodb", "endpoint-rule-set-1"):
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        model = super().load_service_model(service_name, type_name, api_version)
        if type_name == "service-2":
            model["shapes"].update(DOCUMENTS)
        return model


def create_client(connection: Connection) -> None:
    """Create the client of a PynamoDB connection. This opens no network connection.

    Raises:
        StorageUnavailable: The AWS SDK rejects its settings.
        ValueError: The endpoint in the AWS SDK's settings is not a URL.
    """
    try:
        _configure(connection.session)
        _ = connection.client
    except BotoCoreError as error:
        raise StorageUnavailable(type(error).__name__, attempts=0, message=str(error)) from error


def _configure(session: Session) -> None:
    if config.uses_embedded_dynamodb():
        _use_embedded_dynamodb(session)
    # An extra request, which the role of the Lambda does not allow and other engines do not know.
    session.set_config_variable("endpoint_discovery_enabled", False)
    session.set_default_client_config(Config(user_agent=USER_AGENT))
    session.register_component("data_loader", _DataLoader())
    for operation in ITEM_OPERATIONS:
        session.register(f"after-call.dynamodb.{operation}", _require_request_id)
    aws_credentials.load_late(session)


def _use_embedded_dynamodb(session: Session) -> None:
    # Imported here, because the Lambda does not have the engine.
    from ..local.botocore_hook import use_engine

    config.ignore_aws_settings()
    use_engine(session, Path(config.LOCAL_DYNAMODB))


def _require_request_id(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    # Another server, for example a proxy, can also answer 200 although nothing was stored. Only
    # DynamoDB sends a request id.
    if http_response.status_code < 300 and "RequestId" not in parsed["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
