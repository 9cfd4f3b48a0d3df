"""The connection to DynamoDB: time-outs, user agent, credentials, check of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from pynamodb.connection import Connection

from .. import config
from . import aws_credentials
from .errors import StorageUnavailable

# Amazon Connect waits 8 s for a Lambda. Three attempts that each use up the connect time-out, the
# TLS handshake (the connect time-out again) and the read time-out take 6.7 s with their waits.
CONNECT_TIMEOUT_SECONDS = 0.4
READ_TIMEOUT_SECONDS = 1.3
# One connection for each thread of a busy server.
MAX_POOL_CONNECTIONS = 64

# botocore builds its default user agent anew for each request: 0.10 ms, 8 % of a call's CPU.
USER_AGENT = f"itsm-app Botocore/{botocore.__version__}"

ITEM_OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "Query", "Scan")


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
    for operation in ITEM_OPERATIONS:
        session.register(f"after-call.dynamodb.{operation}", _require_request_id)
    aws_credentials.load_late(session)


def _use_embedded_dynamodb(session: Session) -> None:
    # Imported here, because the Lambda does not have the engine.
    from ..local.botocore_hook import use_engine

    config.ignore_aws_settings()
    use_engine(session, Path(config.LOCAL_DYNAMODB))


def _require_request_id(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    # A server that is not DynamoDB can answer 200 too, and has stored nothing.
    if http_response.status_code < 300 and "RequestId" not in parsed["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
