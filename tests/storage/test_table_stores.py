"""Tests of `flask init-db` with the stores that the settings select."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..support.dynamodb_local import dynamodb_local
from ..support.flask_run import command
from .test_table import NO_RECOVERY


@pytest.mark.embedded
def test_creates_the_table_in_the_embedded_dynamodb_if_a_folder_is_set(tmp_path: Path) -> None:
    store = f"the embedded DynamoDB in {tmp_path}"
    for change in (f"{NO_RECOVERY}The table tickets in {store} was created.\n", "already exists"):
        result = command("init-db", LOCAL_DYNAMODB=str(tmp_path), TABLE_NAME="tickets")
        assert (result.returncode, result.stderr) == (0, "")
        assert change in result.stdout
    assert result.stdout == f"The table tickets in {store} already exists.\n"


@pytest.mark.storage
def test_creates_the_table_in_dynamodb_local() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    with dynamodb_local() as url:
        result = command("init-db", AWS_ENDPOINT_URL_DYNAMODB=url, TABLE_NAME="tickets", **keys)
    created = f"The table tickets in the DynamoDB at {url} was created.\n"
    assert (result.returncode, result.stdout) == (0, NO_RECOVERY + created)


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("environment", "store"),
    [
        ({"REGION": "eu-west-1"}, "AWS (eu-west-1)"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "the DynamoDB at http://127.0.0.1:1"),
    ],
)
def test_messages_name_the_store(environment: dict[str, str], store: str) -> None:
    no_credentials = {
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LOCAL_DYNAMODB": "",
    }
    result = command("init-db", **no_credentials, **environment)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"The table poc-itsm-tickets in {store} was not created" in result.stderr
