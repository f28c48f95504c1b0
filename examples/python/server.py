"""A FastMCP server over Streamable HTTP, which only its own pod can reach."""

import asyncio

from fastmcp import Context, FastMCP

mcp = FastMCP("greeter", version="1.0.0")


@mcp.tool
async def greet(name: str, context: Context) -> str:
    """Greets somebody by name, and counts how often in this session."""
    greeted = (await context.get_state("greeted") or 0) + 1
    await context.set_state("greeted", greeted)
    return f"Hello, {name}!" if greeted == 1 else f"Hello, {name}! That makes {greeted} in this session."


@mcp.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
async def wait(seconds: int, context: Context) -> str:
    """Waits, and says so every second."""
    for passed in range(1, seconds + 1):
        await asyncio.sleep(1)
        await context.report_progress(passed, seconds)
    return f"Waited {seconds} s."


if __name__ == "__main__":
    # The loopback is enough, since berth is in the same pod: nobody can come past it.
    mcp.run(transport="http", host="127.0.0.1", port=9000, show_banner=False)
