"""A FastMCP server with what the packaged Python servers lack: questions, progress, log messages, cancellation."""

import asyncio
import sys

from fastmcp import Context, FastMCP

mcp = FastMCP("fast", version="1.2.3", instructions="Ask for anything.")
given_up: asyncio.Queue[str] = asyncio.Queue()


@mcp.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@mcp.tool
async def count(to: int, context: Context) -> str:
    """Count with progress and a log message."""
    for i in range(1, to + 1):
        await context.report_progress(i, to, f"at {i}")
    await context.info(f"counted to {to}")
    # Clients may drop what comes in one chunk with the answer.
    await asyncio.sleep(0.1)
    return f"{to}"


@mcp.tool
async def wait(name: str, context: Context) -> str:
    """Wait until the call is cancelled."""
    try:
        await context.report_progress(0, 1)
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        given_up.put_nowait(name)
        raise
    return "nobody cancelled"


@mcp.tool
async def cancelled() -> str:
    """The name of a wait that was cancelled; waits for one."""
    return await asyncio.wait_for(given_up.get(), 5)


@mcp.tool
async def ask(context: Context) -> str:
    """Ask the user for a name."""
    answer = await context.elicit("Who are you?", response_type=str)
    return f"{answer.action} {getattr(answer, 'data', None)}"


@mcp.prompt
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Greet {name} kindly."


@mcp.resource("notes://today")
def today() -> str:
    """A note."""
    return "Nothing happened."


@mcp.resource("notes://{day}/summary")
def summary(day: str) -> str:
    """The summary of a day."""
    return f"On {day} nothing happened."


if __name__ == "__main__":
    if len(sys.argv) > 1:
        mcp.run(transport="http", port=int(sys.argv[1]), show_banner=False)
    else:
        mcp.run(show_banner=False)
