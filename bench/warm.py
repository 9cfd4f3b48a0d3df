"""A warm request to the packaged Lambda, beside plain boto3: `.venv/bin/python -m bench.warm`.

CPU of batches of calls, asked of one process of each in turn. Ratios are of the least times.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from bench import comparison, events
from bench.lambda_process import LambdaProcess

CALLS = 25
"""Of one batch: so short that the least of many batches was disturbed by nothing."""

# Name, event, target and goal.
OPERATIONS: list[tuple[str, dict[str, Any], float, float]] = [
    ("create", events.CREATE, 1.2, 1.05),
    ("get", events.GET, 1.2, 1.05),
    ("comment", events.COMMENT, 1.2, 1.05),
    ("list ten", events.LIST, 1.2, 1.05),
    ("get with 20 comments", events.GET_WITH_20_COMMENTS, 1.2, 1.0),
    ("list ten with 20 comments", events.LIST_WITH_20_COMMENTS, 0.6, 0.5),
]


def main() -> None:
    """Run the comparison and print it."""
    with (
        comparison.from_command_line(__doc__, runs=44) as (runs, _, functions),
        closing(LambdaProcess(functions[0])) as ours,
        closing(LambdaProcess(functions[1])) as boto3,
    ):
        for name, event, target, goal in OPERATIONS:
            batches = [(batch(ours, event), batch(boto3, event)) for _ in range(runs)]
            comparison.print_times(f"CPU ms, {name}", batches, target, goal)


def batch(process: LambdaProcess, event: dict[str, Any]) -> float:
    """Return the CPU seconds of one of a batch's calls."""
    return process.call(event, CALLS)["batch"] / CALLS


if __name__ == "__main__":
    main()
