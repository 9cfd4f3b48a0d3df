"""The choice of the cases that the fast suite runs. The `exhaustive` suite runs the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

# False if this run has no exhaustive tests.
is_chosen = True


def one_per_path(cases: Iterable[T], is_fast: Callable[[T], bool]) -> list[Any]:
    """Return the cases as test parameters. Mark a case `exhaustive` unless it is fast.

    The fast cases reach every path through the app that the other cases reach.
    """
    return [
        case if is_fast(case) else exhaustive(case) for case in cases if is_chosen or is_fast(case)
    ]


def exhaustive(case: object) -> pytest.ParameterSet:
    """Return a case as a test parameter that only the `exhaustive` suite runs."""
    values = case if type(case) is tuple else (case,)
    return pytest.param(*values, marks=pytest.mark.exhaustive)
