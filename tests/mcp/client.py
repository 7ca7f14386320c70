"""Talks to an MCP server, and prints what it got, one JSON object a line.

The arguments are a command, which is run; or a URL, which is asked over streamable HTTP, and before it `modern` for the
protocol without sessions.
"""

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


async def progress(done, total, message):
    print(json.dumps({"step": "progress", "got": message}), flush=True)


async def sample(context, params):
    """Answers with the secret what the server asks of the client's model."""
    from mcp.types import CreateMessageResult, TextContent

    show("asked", params)
    said = TextContent(type="text", text="it is " + os.environ["FAKE_SECRET"])
    return CreateMessageResult(role="assistant", content=said, model="fake")


async def steps(session):
    show("tools", await session.list_tools())
    await attempt("show", session.call_tool("show", {"name": "x"}))
    await attempt("table", session.call_tool("table", {}))
    await attempt("fail", session.call_tool("fail", {}))
    await attempt("echo", session.call_tool("echo", {"text": "plain \u00e4 text"}))
    await attempt("leak", session.call_tool("echo", {"text": "a " + os.environ["FAKE_SECRET"]}))
    await attempt("long", session.call_tool("echo", {"text": "x" * 300_000}))
    await attempt("tell", session.call_tool("tell", {}, progress_callback=progress))
    await attempt("resource", session.read_resource("file:///config"))
    await attempt("prompt", session.get_prompt("ask"))
    await attempt("again", session.call_tool("echo", {"text": "still there"}))


async def over(streams, **more):
    async with streams as (read, write, *_):
        async with ClientSession(read, write, **more) as session:
            show("initialize", await session.initialize())
            await steps(session)
            if more:
                await attempt("sample", session.call_tool("sample", {}))


async def main():
    if sys.argv[1] == "modern":
        from mcp import Client

        async with Client(sys.argv[2]) as client:
            await steps(client)
    elif sys.argv[1].startswith("http"):
        from mcp.client.streamable_http import streamable_http_client

        await over(streamable_http_client(sys.argv[1]), sampling_callback=sample)
    else:
        await over(stdio_client(StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))))


asyncio.run(main())
