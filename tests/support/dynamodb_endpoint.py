"""Point the AWS SDK at a DynamoDB on this machine."""

from __future__ import annotations

import os


def use_dynamodb(url: str) -> None:
    """Make this process and its children use the DynamoDB at a URL, and no AWS account."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ[name] = "local"
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        os.environ.pop(name, None)
    # A proxy does not reach the loopback interface of this machine.
    os.environ["no_proxy"] = f"{os.environ.get('no_proxy', '')},127.0.0.1"
