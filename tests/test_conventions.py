"""The import rules: each package imports downwards only."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import itsm_app

PACKAGE = Path(itsm_app.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
STORAGE = "storage/"
NO_FLASK = ("config.py", "storage/", "tickets/")


def imported(module: str) -> set[str]:
    """Return the top-level names of all that a module imports, at any depth."""
    nodes = list(ast.walk(ast.parse(MODULES[module].read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", MODULES)
def test_only_storage_imports_the_aws_sdk(module: str) -> None:
    assert module.startswith(STORAGE) or not imported(module) & {"pynamodb", "botocore", "boto3"}


@pytest.mark.parametrize("module", [each for each in MODULES if each.startswith(NO_FLASK)])
def test_storage_and_tickets_import_no_http(module: str) -> None:
    assert not imported(module) & {"flask", "werkzeug"}


@pytest.mark.parametrize("module", MODULES)
def test_only_config_reads_the_environment(module: str) -> None:
    text = MODULES[module].read_text()
    assert module == "config.py" or not re.search(r"\bos\.(environ|getenv)|from os import", text)
