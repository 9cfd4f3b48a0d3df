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

ITEM_OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "Query", "Scan")


def configure(session: Session) -> None:
    """Prepare a botocore session. Call this before PynamoDB creates its client from the session."""
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
    # Another server, for example a proxy, can also answer 200 although nothing was stored. Only
    # DynamoDB sends a request id.
    if http_response.status_code < 300 and "RequestId" not in parsed["ResponseMetadata"]:
        raise StorageUnavailable("NotDynamoDB", attempts=1)
