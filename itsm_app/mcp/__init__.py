"""The Model Context Protocol (MCP) server at `/mcp`.

Comments refer to the MCP specification by section and page, for example "Error Codes" in `basic`.
The address of a page is https://modelcontextprotocol.io/specification/<revision>/<page>.
"""
