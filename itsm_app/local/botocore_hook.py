"""Let botocore's DynamoDB client use the engine in this process, instead of the network.

The client emits the event `before-call` before it signs and sends a request. A handler that returns
a response replaces both: botocore's own `Stubber` works in this way. So no port is opened, and no
credentials are needed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from botocore.awsrequest import AWSResponse
from botocore.session import Session

from .engine import Engine
from .errors import EngineError


def use_engine(session: Session, folder: Path) -> None:
    """Answer the DynamoDB requests of a session's clients from the database in a folder."""
    # The client looks for an account id in its credentials before it asks the handler.
    session.set_credentials("local", "local")
    session.register("before-call.dynamodb", _Handler(engine(folder)))


@cache
def engine(folder: Path) -> Engine:
    """Return the engine of this process on the database in a folder."""
    return Engine(folder)


class _Handler:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[AWSResponse, Any]:
        status = 200
        try:
            parsed = self._engine.answer(model.name, params["body"])
        except EngineError as error:
            status = error.status
            parsed = {"Error": {"Code": error.code, "Message": error.message}}
        parsed["ResponseMetadata"] = {"RequestId": str(uuid4()), "HTTPStatusCode": status}
        return AWSResponse("", status, {}, None), parsed
