"""Zappa itself, up to our `settings` callback; the rest is in tests/test_rehearsal.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from zappa.cli import ZappaCLI

from itsm_app.api import auth

from ..support.flask_run import ROOT

# Zappa's way of importing a callback.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

POC = json.loads((ROOT / "zappa_settings.json").read_text())["poc"]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load a copy of the block `poc` under another name, as each `zappa` command does."""
    monkeypatch.chdir(ROOT)

    def load(stage: str, command: str = "template", **changes: Any) -> ZappaCLI:
        file = tmp_path / "zappa_settings.json"
        file.write_text(json.dumps({stage: {**POC, **changes}}))
        cli = ZappaCLI()
        cli.api_stage = stage
        cli.command = command
        # As for a command that needs none.
        cli.load_credentials = False
        cli.load_settings(str(file))
        cli.callback("settings")
        return cli

    return load


def test_the_names_follow_the_stage(load: Any) -> None:
    cli = load("dev")
    assert cli.lambda_name == "dev-itsm-api-handler"
    assert cli.zappa.role_name == "dev-itsm-lambda-role"
    assert cli.aws_environment_variables == {
        "TABLE_NAME": "dev-itsm-tickets",
        "REGION": "us-east-1",
        "STAGE": "dev",
        "API_KEYS": "",
    }


def test_a_stage_may_have_a_table_and_variables_of_its_own(load: Any) -> None:
    chosen = {"TABLE_NAME": "old-tickets", "OTHER": "kept"}
    cli = load("dev", aws_region="eu-west-1", aws_environment_variables=chosen)
    assert cli.aws_environment_variables == {
        "TABLE_NAME": "old-tickets",
        "REGION": "eu-west-1",
        "STAGE": "dev",
        "OTHER": "kept",
    }


@pytest.mark.parametrize("stage", ["t", "tick", "tickets", "h", "health"])
def test_a_stage_that_begins_a_route_is_refused(load: Any, stage: str) -> None:
    with pytest.raises(ClickException, match=f"The stage {stage} needs another name: the route /"):
        load(stage)


@pytest.mark.parametrize("stage", ["1st", "a_b", "a-b"])
def test_a_stage_that_aws_would_refuse_is_refused_first(load: Any, stage: str) -> None:
    with pytest.raises((ClickException, ValueError), match="letters and digits"):
        load(stage)


@pytest.mark.parametrize("command", ["deploy", "update"])
@pytest.mark.parametrize(
    ("second", "said"),
    [
        (None, "has no API_KEYS, so nobody could call it. Make a key with `flask new-key"),
        ("voice:agent:itsm_x", "Entry 2 of API_KEYS is malformed"),
    ],
)
def test_a_stage_that_would_have_no_keys_or_malformed_ones_is_refused(
    load: Any, command: str, second: str | None, said: str
) -> None:
    _, first = auth.make("anna", "desk")
    chosen = {"API_KEYS": f"{first},{second}" if second else ""}
    with pytest.raises(ClickException) as refused:
        load("dev", command, aws_environment_variables=chosen)
    assert said in refused.value.message
    assert "itsm_x" not in refused.value.message


@pytest.mark.parametrize("command", ["deploy", "update"])
def test_a_stage_without_the_setting_is_refused(load: Any, command: str) -> None:
    with pytest.raises(ClickException, match="has no API_KEYS"):
        load("dev", command, aws_environment_variables={})


@pytest.mark.parametrize("command", ["deploy", "update"])
def test_a_secret_key_that_is_too_short_is_refused(
    load: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s" * 31)
    _, entry = auth.make("anna", "desk")
    with pytest.raises(
        ClickException, match="SECRET_KEY has 31 characters and needs 32"
    ) as refused:
        load("dev", command, aws_environment_variables={"API_KEYS": entry})
    assert "sss" not in refused.value.message


def test_the_secret_key_comes_from_who_deploys(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3")
    assert load("dev").aws_environment_variables["SECRET_KEY"] == "s3"
    # What is not there, Zappa leaves as the function has it.
    monkeypatch.setenv("SECRET_KEY", "")
    assert "SECRET_KEY" not in load("dev").aws_environment_variables
