"""A FastAPI service whose answers have no secrets in them, whatever its handlers say: ``python service.py`` asks it, offline.

    uvicorn service:app
"""

from __future__ import annotations

import json
import logging
from typing import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import keyscan
import keyscan.logging
from keyscan.asgi import RedactMiddleware

#: In life a file, a variable or a manager of secrets: `keyscan.known.add_from("env:*_TOKEN,*_PASSWORD")`.
DATABASE_PASSWORD = "-".join(["correct", "horse", "battery"])

keyscan.known.add("DATABASE_PASSWORD", DATABASE_PASSWORD)
keyscan.logging.install()

app = FastAPI()
app.add_middleware(RedactMiddleware)


@app.get("/config")
def config() -> dict[str, str]:
    logging.getLogger("service").warning("somebody looks at %s", DATABASE_PASSWORD)
    return {"user": "service", "password": DATABASE_PASSWORD}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        answer = f"The password is {DATABASE_PASSWORD}."
        for at in range(0, len(answer), 4):
            delta = {"choices": [{"index": 0, "delta": {"content": answer[at : at + 4]}}]}
            yield f"data: {json.dumps(delta)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    from fastapi.testclient import TestClient

    logging.basicConfig()
    client = TestClient(app)
    print(client.get("/config").text)
    print(client.get("/stream").text)
