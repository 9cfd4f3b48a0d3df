"""The Model Context Protocol (MCP) server at `/mcp`.

References such as "Error Codes" in `basic` name a section and a page of the MCP specification,
https://modelcontextprotocol.io/specification/ followed by the revision.
"""
