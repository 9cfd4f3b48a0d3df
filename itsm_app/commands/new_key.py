"""`flask new-key`: create an API key."""

from __future__ import annotations

import click

from ..api import auth


@click.command("new-key")
@click.argument("name")
@click.option("--role", type=click.Choice(auth.ROLES), required=True)
def new_key(name: str, role: str) -> None:
    """Create an API key for NAME.

    Print the key, and the entry of the key for API_KEYS.
    """
    key, entry = auth.make(name, role)
    if not auth.ENTRY.fullmatch(entry):
        raise click.BadParameter(
            "NAME must have 1 to 64 letters, digits, dots, dashes and underscores."
        )
    click.echo(f"Key (shown only once): {key}")
    click.echo(f"Entry for API_KEYS: {entry}")
