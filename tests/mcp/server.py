"""An MCP server with secrets in everything that it says; they come from the environment."""

import os
import sys

try:
    from mcp.server.fastmcp import FastMCP
except ImportError:
    from mcp.server import MCPServer as FastMCP

SECRET = os.environ["FAKE_SECRET"]
server = FastMCP("fake")


@server.tool()
def show(name: str) -> str:
    """Shows a value."""
    print(f"showing {name}: {SECRET}", file=sys.stderr, flush=True)
    return f"{name} is {SECRET}\nand \"more\""


@server.tool()
def table() -> dict[str, str]:
    """Shows a table."""
    return {"key": SECRET, "note": "plain"}


@server.tool()
def echo(text: str) -> str:
    """Says how long a text is, and keeps it where a test can look."""
    with open(os.environ["FAKE_SEEN"], "a", encoding="utf-8") as seen:
        seen.write(text + "\n")
    return str(len(text))


@server.tool()
def fail() -> str:
    """Fails."""
    raise RuntimeError(f"no luck with {SECRET}")


@server.resource("file:///config")
def config() -> str:
    """A configuration."""
    return f"token = {SECRET}"


@server.prompt()
def ask() -> str:
    """A prompt."""
    return f"Explain {SECRET}"


server.run()
