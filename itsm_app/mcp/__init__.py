"""The Model Context Protocol server at `/mcp`."""
