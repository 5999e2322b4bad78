"""An MCP server: the tools by which an assistant or an orchestrator works on a user's experiments."""
