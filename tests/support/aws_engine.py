"""The process of the local AWS: ministack, held closer to AWS where that matters to us.

Run as `python -m tests.aws_engine PARENT`; it ends when PARENT, a process id, does. What it changes
in ministack 1.5.33 has a function each.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import apigateway_v1, lambda_svc

from itsm_app.local.engine_process import end_with


def run_functions_on_a_bare_python(folder: Path) -> None:
    """Let a Lambda import the standard library and its zip, and nothing that is installed here."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o700)
    sys.executable = str(python)


def write_down_decisions(file: Path) -> None:
    """Append a line of JSON for each decision of IAM: whose key, action, resource, and outcome."""
    enforce = iam_evaluator.enforce

    def enforce_and_tell(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", **context: Any
    ) -> Any:
        denied = enforce(key, action, service, region, resource_arn=resource_arn, **context)
        decision = {"key": key, "action": action, "resource": resource_arn, "allowed": not denied}
        with file.open("a") as lines:
            lines.write(json.dumps(decision) + "\n")
        return denied

    iam_evaluator.enforce = enforce_and_tell


def judge_lambda_as_aws_does() -> None:
    """Ask for the action that AWS asks for: but for Invoke, it has the name of the operation."""
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
    iam_actions._lambda_action = lambda _, path: (
        "InvokeFunction" if path.endswith("/invocations") else None
    )


def judge_by_the_names_that_aws_judges_by() -> None:
    """Ask for the resource that AWS asks for, where ministack asks for another.

    A new function is judged by its name, and a log stream by its own ARN:
    "Actions, resources, and condition keys" for AWS Lambda and CloudWatch Logs.
    """
    extract = iam_actions.extract_resource_arn

    def extract_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
    ) -> Any:
        if service == "lambda":
            path = path.replace("/function:", "/")
        if (service, method) == ("lambda", "POST") and path.endswith("/functions"):
            path += "/" + json.loads(body)["FunctionName"]
        arn = extract(service, method, path, headers, body, *rest)
        if headers.get("x-amz-target", "").endswith((".CreateLogStream", ".PutLogEvents")):
            arn += f":log-stream:{json.loads(body)['logStreamName']}"
        return arn

    iam_actions.extract_resource_arn = extract_arn


def take_names_with_their_kind() -> None:
    """Read `function:name:version`, which Zappa sends ("GetFunction", Lambda API Reference)."""
    resolve = lambda_svc._resolve_name_and_qualifier

    def resolve_any(name: str) -> Any:
        return resolve(name.removeprefix("function:"))

    lambda_svc._resolve_name_and_qualifier = resolve_any


def keep_the_code_of_each_version() -> None:
    """Let GetFunction lead to the code of the version asked for; ministack gives out the newest."""
    get_function, serve_code = lambda_svc._get_function, lambda_svc.serve_function_code

    def get_version(name: str, version: str | None = None) -> Any:
        status, headers, body = get_function(name, version)
        answer = json.loads(body)
        if status == 200:
            _, _, path = answer["Code"]["Location"].partition("/_ministack/")
            path = path.replace("?", f":{version or ''}?", 1)
            base = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/_ministack/"
            answer["Code"]["Location"] = base + path
        return status, headers, json.dumps(answer).encode()

    def serve_version(target: str, account_id: str, region: str) -> Any:
        name, _, version = target.partition(":")
        if not version:
            return serve_code(name, account_id, region)
        function = lambda_svc._functions.get_scoped(account_id, region, name)
        return 200, {}, function["versions"][version]["code_zip"]

    lambda_svc._get_function = get_version
    lambda_svc.serve_function_code = serve_version


def hand_on_bodies_as_base64() -> None:
    """Take the media type that Zappa sets, `*~1*`, for what it means: `*/*`."""
    apply_patch = apigateway_v1._apply_patch

    def apply_and_unescape(target: dict[str, Any], operations: Any) -> Any:
        apply_patch(target, operations)
        types = target.get("binaryMediaTypes", [])
        target["binaryMediaTypes"] = [each.replace("~1", "/") for each in types]
        return target

    apigateway_v1._apply_patch = apply_and_unescape


if __name__ == "__main__":
    end_with(int(sys.argv.pop()))
    home = Path(os.environ["STATE_DIR"])
    run_functions_on_a_bare_python(home)
    write_down_decisions(home / "decisions.jsonl")
    judge_lambda_as_aws_does()
    judge_by_the_names_that_aws_judges_by()
    take_names_with_their_kind()
    keep_the_code_of_each_version()
    hand_on_bodies_as_base64()
    from ministack.app import main

    main()
