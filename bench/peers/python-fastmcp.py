"""The tools on Python's FastMCP, served by uvicorn; with the argument `stateless` without sessions."""

import os
import sys

from fastmcp import FastMCP

NAMES = ["echo", "reverse", "length", "upper", "lower"]

mcp = FastMCP("peer", version="1.0.0")


def answer(value: str) -> str:
    return value


for i in range(int(os.environ.get("TOOLS", "5"))):
    # Without an output schema the answer is the text alone, as the other peers give it.
    mcp.tool(answer, name=NAMES[i] if i < len(NAMES) else f"tool-{i + 1}", output_schema=None)

# At this level no request is logged.
mcp.run(
    transport="http",
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    stateless_http="stateless" in sys.argv[1:],
    log_level="warning",
    show_banner=False,
)
