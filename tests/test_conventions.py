"""The rules of the house, for every module that there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import itsm_app

PACKAGE = Path(itsm_app.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
# table.py asks botocore through the models' connection.
STORAGE = {"credentials.py", "models.py", "service_desk.py", "retry.py", "storage.py", "table.py"}
NO_FLASK = STORAGE | {"exceptions.py", "schemas.py", "loading.py", "config.py"}


def imported(module: str) -> set[str]:
    """Return the top-level names of all that a module imports, at any depth."""
    nodes = list(ast.walk(ast.parse(MODULES[module].read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_the_rules_name_modules_that_exist() -> None:
    assert set(MODULES) >= NO_FLASK


@pytest.mark.parametrize("module", MODULES)
def test_storage_is_asked_in_the_storage_modules_only(module: str) -> None:
    assert module in STORAGE or not imported(module) & {"pynamodb", "botocore", "boto3"}


@pytest.mark.parametrize("module", sorted(NO_FLASK))
def test_the_domain_knows_no_http(module: str) -> None:
    assert not imported(module) & {"flask", "werkzeug"}


@pytest.mark.parametrize("module", MODULES)
def test_the_environment_is_read_in_config_only(module: str) -> None:
    text = MODULES[module].read_text()
    assert module == "config.py" or not re.search(r"\bos\.(environ|getenv)|from os import", text)
