"""Tests of the states of an event source mapping, which the local AWS of the rehearsal lacks."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click import ClickException

from deploy import policies, stream_function

NAMES = policies.names("poc", {"aws_region": "us-east-1", "search": True})
HANDLER = NAMES["stream_handler"]
UUID = "0f9d5c1e-6b3a-4e0b-9d0e-3d3b8a5f4c2a"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setattr(stream_function, "SECONDS_BETWEEN_LOOKS", 0)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    with Stubber(boto3.client("lambda", region_name="us-east-1", **keys)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def remove(stub: Stubber) -> None:
    zappa = SimpleNamespace(lambda_client=stub.client)
    stream_function.remove(SimpleNamespace(zappa=zappa), NAMES)


def add_function(stub: Stubber) -> None:
    function = {"Configuration": {"FunctionName": HANDLER}}
    stub.add_response("get_function", function, {"FunctionName": HANDLER})


def add_mapping(stub: Stubber, state: str) -> None:
    found: dict[str, Any] = {"EventSourceMappings": [{"UUID": UUID, "State": state}]}
    stub.add_response("list_event_source_mappings", found, {"FunctionName": HANDLER})


@pytest.mark.parametrize("state", sorted(stream_function.CHANGING))
def test_deletes_a_mapping_only_after_lambda_has_finished_a_change(
    stub: Stubber, state: str
) -> None:
    add_function(stub)
    add_mapping(stub, state)
    add_mapping(stub, "Enabled")
    stub.add_response("delete_event_source_mapping", {}, {"UUID": UUID})
    stub.add_response("delete_function", {}, {"FunctionName": HANDLER})
    remove(stub)


def test_stops_if_lambda_does_not_finish_a_change(
    stub: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_function, "CHANGE_SECONDS", -1)
    add_function(stub)
    add_mapping(stub, "Updating")
    with pytest.raises(ClickException, match="Run the command again in a minute"):
        remove(stub)


def test_deletes_nothing_if_there_is_no_function(stub: Stubber) -> None:
    stub.add_client_error("get_function", "ResourceNotFoundException")
    remove(stub)
