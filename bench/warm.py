"""Warm requests to the packaged Lambda and to plain boto3: `.venv/bin/python -m bench.warm`.

One process of each Lambda handles batches of calls in turn. A ratio divides the lowest CPU times.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from bench import comparison, events
from bench.lambda_process import LambdaProcess

CALLS = 25
"""In one batch. Batches are short, so that other processes do not disturb the best one."""

# Name, event, limit and goal.
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
        for name, event, limit, goal in OPERATIONS:
            batches = [(batch(ours, event), batch(boto3, event)) for _ in range(runs)]
            comparison.print_times(f"CPU ms, {name}", batches, limit, goal)


def batch(process: LambdaProcess, event: dict[str, Any]) -> float:
    """Return the CPU of one call in seconds, as the average of a batch."""
    return process.call(event, CALLS)["batch"] / CALLS


if __name__ == "__main__":
    main()
