"""Tests of the Zappa `settings` callback. tests/deploy/test_rehearsal.py tests the other steps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from zappa.cli import ZappaCLI

from deploy import limits
from itsm_app.api import auth

from ..connect.contact_events import INSTANCE
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


def test_search_adds_the_variable_of_the_index_table(load: Any) -> None:
    variables = load("dev", search=True).aws_environment_variables
    assert variables["SEARCH_TABLE"] == "dev-itsm-search"
    assert "SEARCH_TABLE" not in load("dev", search=False).aws_environment_variables


@pytest.mark.parametrize("command", ["deploy", "update"])
@pytest.mark.parametrize(
    ("search", "variables", "message"),
    [
        ("true", {}, "search must be true or false"),
        (1, {}, "search must be true or false"),
        (None, {}, "search must be true or false"),
        (True, {"SEARCH_TABLE": "other"}, "remove SEARCH_TABLE from aws_environment_variables"),
        (False, {"SEARCH_TABLE": ""}, "remove SEARCH_TABLE from aws_environment_variables"),
    ],
)
def test_rejects_invalid_settings_of_search(
    load: Any, command: str, search: Any, variables: dict[str, str], message: str
) -> None:
    variables = {"API_KEYS": entries(1, 5), **variables}
    with pytest.raises(ClickException, match=message):
        load("dev", command, search=search, aws_environment_variables=variables)


@pytest.mark.parametrize("command", ["deploy", "update"])
@pytest.mark.parametrize(
    "instances", ["*", f"{INSTANCE},{INSTANCE}*", f"{INSTANCE}/queue/1", "none"]
)
def test_rejects_malformed_instances_of_amazon_connect(
    load: Any, command: str, instances: str
) -> None:
    variables = {"API_KEYS": entries(1, 5), "CONNECT_INSTANCES": instances}
    position = 1 + instances.count(",")
    expected = f"The stage dev in zappa_settings.json: Entry {position} of CONNECT_INSTANCES is"
    with pytest.raises(ClickException, match=expected):
        load("dev", command, aws_environment_variables=variables)


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
@pytest.mark.parametrize("name", ["SECRET_KEY", "CALLER_SECRET"])
def test_rejects_short_secrets_without_printing_them(
    load: Any, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "s" * 31)
    _, entry = auth.make("anna", "desk")
    with pytest.raises(ClickException, match=f"{name} has 31 characters and needs 32") as error:
        load("dev", command, aws_environment_variables={"API_KEYS": entry})
    assert "sss" not in error.value.message


def entries(count: int, name_characters: int) -> str:
    """Return an `API_KEYS` setting with this number of agents."""
    return ",".join([f"{'x' * name_characters}:agent:{'0' * 64}"] * count)


def test_rejects_variables_over_the_limit_of_lambda(load: Any) -> None:
    """tests/deploy/test_rehearsal_limits.py tests that `zappa` commands check the limit."""
    keys = entries(60, 5)
    cli = load("dev", aws_environment_variables={"API_KEYS": keys, "OTHER": "kept"})
    size = len(json.dumps(cli.aws_environment_variables, separators=(",", ":")))
    with pytest.raises(ClickException) as error:
        limits.check_variables(cli)
    assert f"need {size} bytes, and Lambda allows 4096" in error.value.message
    assert f"The largest variable is API_KEYS with {len(keys)} bytes." in error.value.message


def test_variables_may_reach_the_limit_of_lambda(load: Any) -> None:
    cli = load("dev", aws_environment_variables={"API_KEYS": entries(10, 64), "OTHER": ""})
    used = len(json.dumps(cli.aws_environment_variables, separators=(",", ":")))
    cli.aws_environment_variables["OTHER"] = "x" * (4096 - used)
    limits.check_variables(cli)
    cli.aws_environment_variables["OTHER"] += "x"
    with pytest.raises(ClickException, match="need 4097 bytes"):
        limits.check_variables(cli)


def test_size_of_variables_is_the_length_of_their_json_text() -> None:
    assert limits.variables_size({"A": 'b"', "C": ""}) == len(r'{"A":"b\"","C":""}')


@pytest.mark.parametrize("of_search", [{}, {"SEARCH_TABLE": "poc-itsm-search"}])
def test_documented_number_of_keys_fits(of_search: dict[str, str]) -> None:
    documented = re.findall(
        r"(\d+) keys with names of (\d+) characters", (ROOT / "docs/security.md").read_text()
    )
    assert len(documented) == 2
    stage = {"TABLE_NAME": "poc-itsm-tickets", "REGION": "us-east-1", "STAGE": "poc"}
    for count, name_characters in documented:
        for number, fits in [(int(count), True), (int(count) + 1, False)]:
            keys = entries(number, int(name_characters))
            variables = {**stage, **of_search, "API_KEYS": keys, "SECRET_KEY": "0" * 64}
            assert (limits.variables_size(variables) <= limits.MAX_VARIABLE_BYTES) is fits


@pytest.mark.parametrize("setting", ["throttle_rate", "throttle_burst"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "50", True, None])
def test_rejects_throttles_that_are_not_whole_positive_numbers(
    load: Any, setting: str, value: Any
) -> None:
    changes = {"aws_environment_variables": {"API_KEYS": entries(1, 5)}, setting: value}
    with pytest.raises(ClickException, match=f"{setting} must be a whole number of 1 or more"):
        load("dev", "update", **changes)


@pytest.mark.parametrize("name", ["SECRET_KEY", "CALLER_SECRET"])
def test_secrets_come_from_the_environment_of_the_deployer(
    load: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "s3")
    assert load("dev").aws_environment_variables[name] == "s3"
    # Zappa keeps the function's value of a variable that the settings omit.
    monkeypatch.setenv(name, "")
    assert name not in load("dev").aws_environment_variables
