"""The import rules of `itsm_app`: packages import downwards only, and modules form no cycle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

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
    "tickets": {"config", "storage"},
    "search": {"config", "storage", "tickets"},
    "changes": {"config", "local", "storage", "search"},
    "api": {"config", "storage", "tickets", "search"},
    "openapi": set[str](),
    "mcp": {"api", "openapi", "tickets"},
    "desk": {"config", "api", "tickets"},
    "blueprints": {"config", "api", "openapi", "mcp", "desk", "tickets", "storage"},
    "itsm_app": {"api", "blueprints", "tickets"},
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


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_allowed_packages(module: str) -> None:
    ours = {area(name) for name in imports(module) if name in MODULES}
    assert ours <= ALLOWED[area(module)] | {area(module)}


def test_allowed_imports_have_no_cycle() -> None:
    assert [*TopologicalSorter(ALLOWED).static_order()]


def test_modules_import_each_other_without_a_cycle() -> None:
    graph = {module: imports(module) & MODULES.keys() - {module} for module in MODULES}
    assert [*TopologicalSorter(graph).static_order()]


@pytest.mark.parametrize("module", MODULES)
def test_only_storage_and_local_import_the_aws_sdk(module: str) -> None:
    names = {name.partition(".")[0] for name in imports(module)}
    assert area(module) in ("storage", "local") or not names & AWS_SDK


@pytest.mark.parametrize("module", [m for m in MODULES if area(m) in ("storage", "tickets")])
def test_storage_and_tickets_import_no_http(module: str) -> None:
    assert not {name.partition(".")[0] for name in imports(module)} & HTTP


@pytest.mark.parametrize("module", MODULES)
def test_only_config_reads_the_environment(module: str) -> None:
    text = MODULES[module].read_text()
    assert area(module) == "config" or not re.search(r"\bos\.(environ|getenv)|from os import", text)


def test_only_three_modules_are_at_the_top() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "config.py", "wsgi.py"}
