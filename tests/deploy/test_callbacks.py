"""Tests of the Zappa `settings` callback. tests/deploy/test_rehearsal.py tests the other steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from zappa.cli import ZappaCLI

from itsm_app.api import auth

from ..support.flask_run import ROOT

# Zappa imports callbacks with a deprecated function.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

POC = json.loads((ROOT / "zappa_settings.json").read_text())["poc"]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that loads a renamed copy of the stage `poc`, as `zappa` commands do."""
    monkeypatch.chdir(ROOT)

    def load(stage: str, command: str = "template", **changes: Any) -> ZappaCLI:
        file = tmp_path / "zappa_settings.json"
        file.write_text(json.dumps({stage: {**POC, **changes}}))
        cli = ZappaCLI()
        cli.api_stage = stage
        cli.command = command
        # Commands that need no AWS credentials set this.
        cli.load_credentials = False
        cli.load_settings(str(file))
        cli.callback("settings")
        return cli

    return load


def test_resource_names_start_with_the_stage(load: Any) -> None:
    cli = load("dev")
    assert cli.lambda_name == "dev-itsm-api-handler"
    assert cli.zappa.role_name == "dev-itsm-lambda-role"
    assert cli.aws_environment_variables == {
        "TABLE_NAME": "dev-itsm-tickets",
        "REGION": "us-east-1",
        "STAGE": "dev",
        "API_KEYS": "",
    }


def test_stage_may_set_its_table_and_variables(load: Any) -> None:
    variables = {"TABLE_NAME": "old-tickets", "OTHER": "kept"}
    cli = load("dev", aws_region="eu-west-1", aws_environment_variables=variables)
    assert cli.aws_environment_variables == {
        "TABLE_NAME": "old-tickets",
        "REGION": "eu-west-1",
        "STAGE": "dev",
        "OTHER": "kept",
    }


@pytest.mark.parametrize("stage", ["t", "tick", "tickets", "h", "health"])
def test_rejects_stages_that_are_the_start_of_a_route(load: Any, stage: str) -> None:
    with pytest.raises(ClickException, match=f"The stage name {stage} is not allowed, because"):
        load(stage)


@pytest.mark.parametrize("stage", ["1st", "a_b", "a-b"])
def test_rejects_stage_names_that_aws_would_reject(load: Any, stage: str) -> None:
    with pytest.raises((ClickException, ValueError), match="letters and digits"):
        load(stage)


@pytest.mark.parametrize("command", ["deploy", "update"])
@pytest.mark.parametrize(
    ("second_entry", "message"),
    [
        (None, "has no API_KEYS, so nobody could use the API. Create a key with"),
        ("voice:agent:itsm_x", "Entry 2 of API_KEYS is malformed"),
    ],
)
def test_rejects_stages_with_no_keys_or_malformed_keys(
    load: Any, command: str, second_entry: str | None, message: str
) -> None:
    _, entry = auth.make("anna", "desk")
    variables = {"API_KEYS": f"{entry},{second_entry}" if second_entry else ""}
    with pytest.raises(ClickException) as error:
        load("dev", command, aws_environment_variables=variables)
    assert message in error.value.message
    assert "itsm_x" not in error.value.message


@pytest.mark.parametrize("command", ["deploy", "update"])
def test_rejects_stages_without_the_api_keys_setting(load: Any, command: str) -> None:
    with pytest.raises(ClickException, match="has no API_KEYS"):
        load("dev", command, aws_environment_variables={})


@pytest.mark.parametrize("command", ["deploy", "update"])
def test_rejects_short_secret_keys_without_printing_them(
    load: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s" * 31)
    _, entry = auth.make("anna", "desk")
    with pytest.raises(ClickException, match="SECRET_KEY has 31 characters and needs 32") as error:
        load("dev", command, aws_environment_variables={"API_KEYS": entry})
    assert "sss" not in error.value.message


def test_secret_key_comes_from_the_environment_of_the_deployer(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3")
    assert load("dev").aws_environment_variables["SECRET_KEY"] == "s3"
    # Zappa keeps the function's value of a variable that the settings omit.
    monkeypatch.setenv("SECRET_KEY", "")
    assert "SECRET_KEY" not in load("dev").aws_environment_variables
