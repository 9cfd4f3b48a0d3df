"""The commands of the `flask` CLI."""
