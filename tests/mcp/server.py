"""An MCP server with secrets in everything that it says; they come from the environment.

Over pipes; with a port as its argument over streamable HTTP, and with `json` behind it without streams where it can.
"""

import os
import sys

try:
    from mcp.server.fastmcp import Context, FastMCP
except ImportError:
    from mcp.server import MCPServer as FastMCP
    from mcp.server.mcpserver import Context

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


@server.tool()
async def tell(context: Context) -> str:
    """Says how far it is."""
    await context.report_progress(1, 2, f"half of {SECRET}")
    return "done"


@server.tool()
async def sample(context: Context) -> str:
    """Asks the model of the client."""
    from mcp.types import SamplingMessage, TextContent

    message = SamplingMessage(role="user", content=TextContent(type="text", text=f"what of {SECRET}?"))
    answer = await context.session.create_message([message], max_tokens=9, related_request_id=context.request_id)
    return "it said " + answer.content.text


@server.resource("file:///config")
def config() -> str:
    """A configuration."""
    return f"token = {SECRET}"


@server.prompt()
def ask() -> str:
    """A prompt."""
    return f"Explain {SECRET}"


if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]), json_response="json" in sys.argv)
else:
    server.run()
