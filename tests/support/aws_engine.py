"""Run the local AWS: ministack with patches that make it behave like AWS where the tests need it.

Usage: `python -m tests.support.aws_engine PARENT`. The process exits when PARENT, a process id,
exits. Each patch of ministack 1.5.33 has a function of its own, here or in `aws_streams.py`.
"""

from __future__ import annotations

import json
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import apigateway_v1, iam, lambda_svc

from . import aws_streams
from .parent import end_with

# The actions that have the condition key `iam:PermissionsBoundary`.
SETS_BOUNDARY = {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
WRITES_ROLE = {
    "iam:AttachRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePolicy",
}


def run_functions_without_installed_packages(folder: Path) -> None:
    """Let a Lambda import only its zip and the standard library, and no installed package."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o700)
    sys.executable = str(python)


def log_iam_decisions(file: Path) -> None:
    """Append a JSON line for each IAM decision: the key, the action, the resource, the result."""
    enforce = iam_evaluator.enforce

    def enforce_and_log(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", **context: Any
    ) -> Any:
        denied = enforce(key, action, service, region, resource_arn=resource_arn, **context)
        decision = {"key": key, "action": action, "resource": resource_arn, "allowed": not denied}
        with file.open("a") as lines:
            lines.write(json.dumps(decision) + "\n")
        return denied

    iam_evaluator.enforce = enforce_and_log


def use_lambda_action_names_of_aws() -> None:
    """Check the same Lambda actions as AWS: the name of the operation, except for Invoke."""
    iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
    iam_actions._lambda_action = lambda _, path: (
        "InvokeFunction" if path.endswith("/invocations") else None
    )


def check_permissions_boundaries() -> None:
    """Give the conditions of policies the key `iam:PermissionsBoundary`.

    The value is the boundary that the request sets. For other actions, the value is the boundary of
    the role. The source is "Actions, resources, and condition keys for AWS Identity and Access
    Management".
    """
    tag_context = iam_actions.request_tag_context

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found = tag_context(service, action, body, params)
        boundary = None
        if action in SETS_BOUNDARY:
            # A parameter of a query request is a list with one value.
            boundary = "".join(params.get("PermissionsBoundary", ""))
        elif action in WRITES_ROLE:
            role = iam._roles.get("".join(params.get("RoleName", ""))) or {}
            boundary = role.get("PermissionsBoundary")
        return {**found, **({"iam:PermissionsBoundary": boundary} if boundary else {})}

    iam_actions.request_tag_context = context


def use_resource_arns_of_aws() -> None:
    """Check the same resources as AWS where ministack checks others.

    AWS checks a new function by its name, and a log stream by its own ARN. The source is "Actions,
    resources, and condition keys" for AWS Lambda and for CloudWatch Logs.
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


def check_qualifiers_and_principals_of_permissions() -> None:
    """Check the ARN of the alias if a request has a `Qualifier`, and the key `lambda:Principal`.

    The value of the key is the principal that a statement admits: of AddPermission the new one, of
    RemovePermission the stored one. The sources are "Fine-tuning the Resources and Conditions
    sections of policies" in the AWS Lambda guide, and "Actions, resources, and condition keys for
    AWS Lambda".
    """
    extract, tag_context = iam_actions.extract_resource_arn, iam_actions.request_tag_context
    requested: ContextVar[str] = ContextVar("requested", default="")

    def extract_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *rest: Any
    ) -> Any:
        requested.set(path)
        arn = extract(service, method, path, headers, body, query, *rest)
        # A parameter of a query is a list with one value.
        qualifier = "".join(query.get("Qualifier", "")) if service == "lambda" else ""
        return f"{arn}:{qualifier}" if qualifier else arn

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found, principal = tag_context(service, action, body, params), None
        if action == "lambda:AddPermission":
            principal = json.loads(body)["Principal"]
        elif action == "lambda:RemovePermission":
            principal = stored_principal(requested.get())
        return {**found, **({"lambda:Principal": principal} if principal else {})}

    def stored_principal(path: str) -> str | None:
        _, _, name, _, statement_id = path.rsplit("/", 4)
        function = lambda_svc._functions.get(name) or {"policy": {"Statement": []}}
        for statement in function["policy"]["Statement"]:
            if statement["Sid"] == statement_id:
                principal = statement["Principal"]
                return "".join(principal.values()) if isinstance(principal, dict) else principal
        return None

    iam_actions.extract_resource_arn = extract_arn
    iam_actions.request_tag_context = context


def accept_function_prefix_in_names() -> None:
    """Accept `function:name:version`, which Zappa sends ("GetFunction", Lambda API Reference)."""
    resolve = lambda_svc._resolve_name_and_qualifier

    def resolve_any(name: str) -> Any:
        return resolve(name.removeprefix("function:"))

    lambda_svc._resolve_name_and_qualifier = resolve_any


def serve_code_of_requested_version() -> None:
    """Let GetFunction return the code of the requested version. ministack returns the newest."""
    get_function, serve_code = lambda_svc._get_function, lambda_svc.serve_function_code

    def get_version(name: str, version: str | None = None) -> Any:
        status, headers, body = get_function(name, version)
        response = json.loads(body)
        if status == 200:
            _, _, path = response["Code"]["Location"].partition("/_ministack/")
            path = path.replace("?", f":{version or ''}?", 1)
            base = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/_ministack/"
            response["Code"]["Location"] = base + path
        return status, headers, json.dumps(response).encode()

    def serve_version(target: str, account_id: str, region: str) -> Any:
        name, _, version = target.partition(":")
        if not version:
            return serve_code(name, account_id, region)
        function = lambda_svc._functions.get_scoped(account_id, region, name)
        return 200, {}, function["versions"][version]["code_zip"]

    lambda_svc._get_function = get_version
    lambda_svc.serve_function_code = serve_version


def keep_base_paths_in_events() -> None:
    """Let events from a custom domain contain the base path, as the events of AWS do.

    See https://github.com/localstack/localstack/pull/12296 for what AWS sends.
    """
    resolve = apigateway_v1.resolve_base_path_mapping
    build_event = apigateway_v1._build_lambda_event_v1
    requested: ContextVar[str] = ContextVar("requested", default="")

    def resolve_and_remember(domain: str, path: str) -> Any:
        found = resolve(domain, path)
        requested.set(path if found else "")
        return found

    def build_with_base_path(*args: Any, **options: Any) -> Any:
        event = build_event(*args, **options)
        if path := requested.get():
            event["path"] = event["requestContext"]["path"] = path
        return event

    apigateway_v1.resolve_base_path_mapping = resolve_and_remember
    apigateway_v1._build_lambda_event_v1 = build_with_base_path


def unescape_binary_media_types() -> None:
    """Treat the media type `*~1*`, which Zappa sets, as `*/*`."""
    apply_patch = apigateway_v1._apply_patch

    def apply_and_unescape(target: dict[str, Any], operations: Any) -> Any:
        apply_patch(target, operations)
        types = target.get("binaryMediaTypes", [])
        target["binaryMediaTypes"] = [media_type.replace("~1", "/") for media_type in types]
        return target

    apigateway_v1._apply_patch = apply_and_unescape


if __name__ == "__main__":
    end_with(int(sys.argv.pop()))
    home = Path(os.environ["STATE_DIR"])
    run_functions_without_installed_packages(home)
    log_iam_decisions(home / "decisions.jsonl")
    use_lambda_action_names_of_aws()
    check_permissions_boundaries()
    use_resource_arns_of_aws()
    check_qualifiers_and_principals_of_permissions()
    accept_function_prefix_in_names()
    serve_code_of_requested_version()
    keep_base_paths_in_events()
    unescape_binary_media_types()
    aws_streams.check_functions_of_mappings()
    aws_streams.create_mappings_only_if_the_role_may_read_the_stream()
    aws_streams.repeat_the_records_that_a_function_reports()
    from ministack.app import main

    main()
