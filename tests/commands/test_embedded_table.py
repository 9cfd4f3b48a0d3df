"""Tests of the errors of commands that use the embedded DynamoDB."""

from __future__ import annotations

import json
from pathlib import Path

from itsm_app import config
from itsm_app.local.botocore_hook import engine
from itsm_app.storage.table import DEFINITION

from ..conftest import shared_app
from ..support.embedded_dynamodb import embedded_dynamodb


def errors(command: str) -> str:
    result = shared_app().test_cli_runner().invoke(args=[command])
    assert result.exit_code == 1
    return result.stderr


def test_missing_table_is_an_error(tmp_path: Path) -> None:
    with embedded_dynamodb(tmp_path):
        message = errors("export")
    assert f"the table {config.TABLE_NAME} does not exist in {tmp_path}; run" in message
    assert [*tmp_path.iterdir()] == []


def test_table_with_another_key_is_an_error(tmp_path: Path) -> None:
    key = [{"AttributeName": "status", "KeyType": "HASH"}]
    request = {**DEFINITION, "TableName": config.TABLE_NAME, "KeySchema": key}
    engine(tmp_path).answer("CreateTable", json.dumps(request).encode())
    with embedded_dynamodb(tmp_path):
        message = errors("demo")
    assert f"{tmp_path} has a table that cannot store tickets: the key must be" in message
    assert "Choose another folder with LOCAL_DYNAMODB, or another TABLE_NAME." in message
