"""Talks to the MCP server that its arguments run, and prints what it got, one JSON object a line."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


def show(name, result):
    print(json.dumps({"step": name, "got": result.model_dump(by_alias=True, mode="json")}), flush=True)


async def attempt(name, call):
    try:
        show(name, await call)
    except Exception as error:  # What is refused comes as an error of the protocol.
        print(json.dumps({"step": name, "error": str(error)}), flush=True)


async def main():
    parameters = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with stdio_client(parameters) as (read, write):
        async with ClientSession(read, write) as session:
            show("initialize", await session.initialize())
            show("tools", await session.list_tools())
            await attempt("show", session.call_tool("show", {"name": "x"}))
            await attempt("table", session.call_tool("table", {}))
            await attempt("fail", session.call_tool("fail", {}))
            await attempt("echo", session.call_tool("echo", {"text": "plain \u00e4 text"}))
            await attempt("leak", session.call_tool("echo", {"text": "a " + os.environ["FAKE_SECRET"]}))
            await attempt("long", session.call_tool("echo", {"text": "x" * 300_000}))
            await attempt("resource", session.read_resource("file:///config"))
            await attempt("prompt", session.get_prompt("ask"))
            await attempt("again", session.call_tool("echo", {"text": "still there"}))


asyncio.run(main())
