"""The connection to DynamoDB: time-outs, user agent, credentials, check of responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore
from botocore.config import Config
from botocore.session import Session

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


def configure(session: Session) -> None:
    """Prepare a botocore session, before PynamoDB creates its client from the session."""
    if config.uses_embedded_dynamodb():
        _use_embedded_dynamodb(session)
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
