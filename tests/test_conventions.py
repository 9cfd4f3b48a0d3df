"""The import rules of `itsm_app`: packages import downwards only, and modules form no cycle."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import itsm_app

PACKAGE = Path(itsm_app.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
# Each package or top-level module, and what it may import from this project.
ALLOWED = {
    "config": set[str](),
    "local": {"config"},
    "storage": {"config", "local"},
    "redaction": {"config"},
    "tickets": {"config", "storage", "redaction"},
    "search": {"config", "storage", "tickets"},
    "changes": {"config", "local", "storage", "search"},
    "api": {"config", "storage", "tickets", "search"},
    "openapi": set[str](),
    "mcp": {"api", "openapi", "tickets"},
    "desk": {"config", "api", "tickets"},
    "blueprints": {"config", "api", "openapi", "mcp", "desk", "tickets", "storage"},
    "connect": {"config", "api", "tickets", "storage"},
    "itsm_app": {"api", "blueprints", "redaction", "tickets"},
    "wsgi": {"itsm_app", "api", "changes", "config", "storage"},
    "commands": {
        "config",
        "local",
        "storage",
        "tickets",
        "search",
        "changes",
        "api",
        "itsm_app",
    },
}
AWS_SDK = {"boto3", "botocore", "pynamodb"}
HTTP = {"flask", "werkzeug"}


@cache
def imports(module: str) -> set[str]:
    """Return what a module imports at any depth, with the full name of each module of ours."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve(module, node)
            members = {f"{base}.{alias.name}" for alias in node.names} & {*MODULES}
            # `from ..storage import items` imports the module and not only its package.
            names |= members if len(members) == len(node.names) else {base, *members}
    return names


def resolve(module: str, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that a `from` import names."""
    if not node.level:
        return node.module or ""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    parts = package.split(".")
    parent = parts[: len(parts) - node.level + 1]
    return ".".join([*parent, *filter(None, [node.module])])


def area(module: str) -> str:
    """Return the package of a module, or the name of a top-level module."""
    return module.split(".")[1] if "." in module else module


def test_every_package_has_a_rule() -> None:
    assert {area(module) for module in MODULES} == ALLOWED.keys()


def test_modules_import_only_allowed_packages() -> None:
    forbidden = {
        (module, name)
        for module in MODULES
        for name in imports(module) & MODULES.keys()
        if area(name) not in ALLOWED[area(module)] | {area(module)}
    }
    assert forbidden == set()


def test_allowed_imports_have_no_cycle() -> None:
    assert [*TopologicalSorter(ALLOWED).static_order()]


def test_modules_import_each_other_without_a_cycle() -> None:
    graph = {module: imports(module) & MODULES.keys() - {module} for module in MODULES}
    assert [*TopologicalSorter(graph).static_order()]


def areas_that_import(libraries: set[str]) -> set[str]:
    return {
        area(module)
        for module in MODULES
        if {name.partition(".")[0] for name in imports(module)} & libraries
    }


def test_only_storage_and_local_import_the_aws_sdk() -> None:
    assert areas_that_import(AWS_SDK) == {"storage", "local"}


def test_domain_and_storage_import_no_http() -> None:
    assert not areas_that_import(HTTP) & {"redaction", "storage", "tickets", "search", "changes"}


def test_only_config_reads_the_environment() -> None:
    readers = {
        area(module)
        for module, path in MODULES.items()
        if re.search(r"\bos\.(environ|getenv)|from os import", path.read_text())
    }
    assert readers == {"config"}


def test_only_three_modules_are_at_the_top() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "config.py", "wsgi.py"}
