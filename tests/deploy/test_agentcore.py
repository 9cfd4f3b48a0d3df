"""Tests of the guide for AgentCore: the interceptor, the recipes, and the commands."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from pathlib import Path
from string import Template
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from flask.testing import FlaskClient

from deploy.agentcore_interceptor import HEADER, handler

from ..conftest import ON_MOTO
from ..support.flask_run import ROOT

GUIDE = (ROOT / "docs" / "agents.md").read_text()
BLOCKS = re.findall(r"^ *```sh\n(.*?)```", GUIDE, re.DOTALL | re.MULTILINE)
CALLER, OTHER = "+15550166", "+15550177"
VALUES = {
    "URL": "https://abc.execute-api.us-east-1.amazonaws.com/poc",
    "KEY": "itsm_key",
    "ROLE": "arn:aws:iam::123456789012:role/gateway",
    "PROVIDER_ARN": "arn:aws:bedrock-agentcore:us-east-1:123456789012:token-vault/default/"
    "apikeycredentialprovider/itsm-api-key",
    "GATEWAY_ID": "itsm-gateway-0123456789",
    "DISCOVERY_URL": "https://my.my.connect.aws/.well-known/openid-configuration",
    "INTERCEPTOR": "arn:aws:lambda:us-east-1:123456789012:function:itsm-interceptor",
}


def token(claims: Any) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"Bearer e30.{part}.c2ln"


def tool_call(tool: str = "get_ticket_status", **arguments: Any) -> dict[str, Any]:
    params = {"name": f"tickets___{tool}", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}


def intercept(body: Any, **headers: str) -> dict[str, Any]:
    """Return the answer of the interceptor to a request of the gateway's documented form."""
    request = {"path": "/mcp", "httpMethod": "POST", "headers": headers, "body": body}
    output = handler({"interceptorInputVersion": "1.0", "mcp": {"gatewayRequest": request}})
    assert output["interceptorOutputVersion"] == "1.0"
    return dict(output["mcp"])


def is_rejected(answer: dict[str, Any], number: Any = 7) -> bool:
    rejection = answer.get("transformedGatewayResponse")
    if rejection is None:
        return False
    assert "transformedGatewayRequest" not in answer
    body = rejection["body"]
    return (rejection["statusCode"], body["id"], body["error"]["code"]) == (200, number, -32600)


# Tool calls without CALLER_CLAIM: the arguments, and the header that the service gets.
ARGUMENTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "caller": ({"caller": CALLER}, "%2B15550166"),
    "caller_id": ({"caller_id": f" {CALLER} "}, "%2B15550166"),
    "the same twice": ({"caller": CALLER, "caller_id": CALLER}, "%2B15550166"),
    "comma and letters": ({"caller": "Ä,b/c"}, "%C3%84%2Cb%2Fc"),
    "two callers": ({"caller": CALLER, "caller_id": OTHER}, None),
    "nobody": ({}, None),
    "empty": ({"caller": " "}, None),
    "null": ({"caller": None}, None),
    "a number": ({"caller": 15550166}, None),
    "a list": ({"caller": [CALLER]}, None),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_interceptor_takes_the_caller_of_the_arguments(case: str) -> None:
    arguments, header = ARGUMENTS[case]
    body = tool_call(**arguments)
    answer = intercept(body, **{HEADER: OTHER, "Authorization": token({"phone_number": OTHER})})
    if header is None:
        assert is_rejected(answer)
    else:
        assert answer == {"transformedGatewayRequest": {"headers": {HEADER: header}, "body": body}}


# Tokens with CALLER_CLAIM=phone_number, and the header that the service gets.
TOKENS: dict[str, tuple[str, str | None]] = {
    "claim": (token({"phone_number": CALLER}), "%2B15550166"),
    "lower case": (token({"phone_number": CALLER}).replace("Bearer", "bearer"), "%2B15550166"),
    "another claim": (token({"sub": CALLER}), None),
    "a number": (token({"phone_number": 5}), None),
    "not an object": (token([CALLER]), None),
    "not a token": ("Bearer abc", None),
    "not JSON": ("Bearer e30.e3.c2ln", None),
    "not base64": ("Bearer e30.ä.c2ln", None),
    "another scheme": (token({"phone_number": CALLER}).replace("Bearer", "Basic"), None),
    "nothing": ("", None),
}


@pytest.mark.parametrize("case", TOKENS)
def test_interceptor_takes_the_caller_of_the_token(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLER_CLAIM", "phone_number")
    authorization, header = TOKENS[case]
    body = tool_call(caller=OTHER)
    answer = intercept(body, **{HEADER: OTHER, "authorization": authorization})
    if header is None:
        assert is_rejected(answer)
    else:
        assert answer["transformedGatewayRequest"]["headers"] == {HEADER: header}


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ([tool_call(caller=CALLER)], None),
        (None, None),
        ("tools/call", None),
        ({"jsonrpc": "2.0", "id": 7, "method": "tools/call"}, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": []}, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": "resources/read"}, 7),
        ({"jsonrpc": "2.0", "id": 7, "method": 5}, 7),
    ],
)
def test_interceptor_rejects_what_it_does_not_know(body: Any, number: Any) -> None:
    assert is_rejected(intercept(body), number)


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "tools/list", "server/discover", "notifications/initialized"]
)
def test_interceptor_lets_clients_list_the_tools(method: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method}
    assert intercept(body) == {"transformedGatewayRequest": {"body": body}}


def recipe(text: str, folder: Path, document: str) -> dict[str, Any]:
    """Return the OpenAPI document after the documented recipe that contains `text`."""
    (block,) = (block for block in BLOCKS if text in block)
    (folder / "openapi.json").write_text(document)
    subprocess.check_call(["bash", "-ec", block], cwd=folder)
    return dict(json.loads((folder / "openapi.json").read_text()))


def caller_fields(document: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Return the fields for the caller of each operation, and whether they are required."""
    found = {}
    for path in document["paths"].values():
        for operation in path.values():
            fields = {
                each["name"]: each.get("required") for each in operation.get("parameters", [])
            }
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {"properties": {}})
            fields |= {name: name in schema["required"] for name in schema["properties"]}
            found[operation["operationId"]] = {
                name: bool(required) for name, required in fields.items() if "caller" in name
            }
    return found


def test_recipes_add_or_remove_the_fields_for_the_caller(
    client: FlaskClient, tmp_path: Path
) -> None:
    document = client.get("/openapi.json").text
    assert caller_fields(recipe('+= ["caller"]', tmp_path, document)) == {
        "create_ticket": {"caller_id": True},
        "list_recent_tickets": {"caller": True},
        "get_ticket_status": {"caller": True},
        "add_ticket_comment": {"caller": True},
    }
    bound = recipe("del(.caller, .caller_id)", tmp_path, document)
    assert caller_fields(bound) == {
        operation: {} for operation in caller_fields(json.loads(document))
    }


@ON_MOTO
def test_service_limits_calls_through_the_gateway_to_the_caller_of_the_flow(
    client: FlaskClient, caller: str
) -> None:
    def request(method: str, path: str, number: str, field: str, **fields: str) -> Any:
        # What the gateway sends for a tool call whose field `field` the flow has filled in.
        sent = {**fields, field: number}
        answer = intercept(tool_call(**sent))["transformedGatewayRequest"]
        arguments = answer["body"]["params"]["arguments"]
        place = {"json": arguments} if method == "POST" else {"query_string": arguments}
        return client.open(path, method=method, headers=answer["headers"], **place)

    other = f"{caller}9"
    created = request("POST", "/tickets", caller, "caller_id", issue_description="b")
    assert created.status_code == 201
    path = f"/tickets/{created.json['ticket_number']}"
    for number, status in ((caller, 200), (other, 404)):
        assert request("GET", path, number, "caller").status_code == status
    for number, status in ((caller, 200), (other, 404)):
        sent = request("POST", f"{path}/comments", number, "caller", comment="c")
        assert sent.status_code == status
    assert len(request("GET", "/tickets", caller, "caller").json["tickets"]) == 1
    assert request("GET", "/tickets", other, "caller").json["tickets"] == []


def commands(text: str) -> list[list[str]]:
    """Return the words of the documented commands that contain `text`."""
    found = []
    for block in BLOCKS:
        for line in re.split(r"\n(?=\S)", block.replace("\\\n", " ")):
            if text in line:
                words = shlex.split(Template(line).safe_substitute(VALUES))
                found.append(words)
    return found


def test_commands_fit_the_api_of_agentcore() -> None:
    service = botocore.session.get_session().get_service_model("bedrock-agentcore-control")
    names = []
    for _, _, name, *options in commands("aws bedrock-agentcore-control"):
        operation = "".join(part.capitalize() for part in name.split("-"))
        shape = service.operation_model(operation).input_shape
        given = {}
        for option, value in zip(options[::2], options[1::2], strict=True):
            first, *rest = option.removeprefix("--").split("-")
            member = first + "".join(part.capitalize() for part in rest)
            if value == "file://target.json":
                value = '{"mcp": {"openApiSchema": {"inlinePayload": "{}"}}}'
            is_text = shape.members[member].type_name == "string"
            given[member] = value if is_text else json.loads(value)
        validate_parameters(given, shape)
        names.append(name)
    assert sorted(names) == [
        "create-api-key-credential-provider",
        "create-gateway",
        "create-gateway-target",
        "create-gateway-target",
        "update-gateway",
    ]


def test_documented_command_puts_your_arns_into_the_flow(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "service-desk-flow.json" in block)
    values = {"ALIAS_ARN": "arn:function", "QUEUE_ARN": "arn:queue", "PATH": "/usr/bin:/bin"}
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    subprocess.check_call(["bash", "-ec", block], cwd=tmp_path, env=values)
    text = (tmp_path / "flow.json").read_text()
    assert (text.count('"arn:function"'), text.count('"arn:queue"')) == (4, 1)
    assert "arn:aws:" not in text
