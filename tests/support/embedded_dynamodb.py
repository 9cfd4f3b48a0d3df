"""The embedded DynamoDB in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from itsm_app import config
from itsm_app.storage.models import Ticket


@contextmanager
def embedded_dynamodb(folder: Path) -> Iterator[None]:
    """Let the app in this process use the embedded DynamoDB in a folder."""
    # With the embedded DynamoDB, the app removes the AWS settings from the environment.
    with patch.dict(os.environ), pytest.MonkeyPatch.context() as context:
        context.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
        context.setattr(config, "LOCAL_DYNAMODB", str(folder))
        context.setattr(Ticket, "_connection", None)
        yield
