"""Plays the scripts on stdin with the client of the official Python SDK; one line of JSON per transcript on stdout."""

import asyncio
import contextlib
import json
import sys

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel


def plain(value):
    """The wire form of one of the SDK's objects."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, mode="json", exclude_none=True)
    return value


class Ear:
    """The notifications that were heard, and a way to wait for the next one of a kind."""

    def __init__(self):
        self.all = []
        self.waited = {}
        self.changed = asyncio.Event()

    def hear(self, method, params):
        self.all.append({"method": method, "params": plain(params)})
        self.changed.set()

    async def next(self, method, limit):
        wanted = self.waited[method] = self.waited.get(method, 0) + 1
        with anyio.fail_after(limit):
            while sum(one["method"] == method for one in self.all) < wanted:
                self.changed.clear()
                await self.changed.wait()


async def play(target, script, mode, answers, limit):
    ear, asked = Ear(), []
    askable = "roots" in script

    async def log(params):
        ear.hear("notifications/message", params)

    async def message(incoming):
        if isinstance(incoming, types.ResourceUpdatedNotification):
            ear.hear("notifications/resources/updated", incoming.params)

    async def sample(_context, params):
        asked.append({"method": "sampling/createMessage", "params": plain(params)})
        return types.CreateMessageResult.model_validate(answers["sampling"])

    async def elicit(_context, params):
        asked.append({"method": "elicitation/create", "params": plain(params)})
        return types.ElicitResult.model_validate(answers["elicitation"])

    async def roots(_context):
        listed = [{"uri": f"file://{folder}", "name": "a root"} for folder in script["roots"]]
        return types.ListRootsResult.model_validate({"roots": listed})

    callbacks = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": roots}
    client = Client(
        transport_to(target),
        mode=mode,
        read_timeout_seconds=limit,
        logging_callback=log,
        message_handler=message,
        **(callbacks if askable else {}),
    )
    async with client:
        results = []
        for step in script["steps"]:
            if "hear" in step:
                await ear.next(step["hear"], limit)
            else:
                results.append(await ask(client, step))
        return {
            "serverInfo": plain(client.server_info),
            "capabilities": plain(client.server_capabilities),
            "instructions": client.instructions,
            "answers": results,
            "heard": ear.all,
            "asked": asked,
        }


def transport_to(target):
    if "url" in target:
        return target["url"]
    command, *args = target["command"]
    parameters = StdioServerParameters(command=command, args=args, env=target.get("environment"))
    # What the server says on stderr is of no interest.
    return stdio_client(parameters, errlog=open("/dev/null", "w"))


async def ask(client, step):
    progress, keeps = [], step.get("progress") or step.get("cancel")

    async def on_progress(done, total, message):
        if scope.cancel_called:
            return
        one = {"progress": done, "total": total, "message": message}
        progress.append({key: value for key, value in one.items() if value is not None})
        if step.get("cancel"):
            scope.cancel()

    answer = {"error": {"message": "given up"}}
    with anyio.CancelScope() as scope:
        try:
            answer = {"result": plain(await call(client, step, on_progress if keeps else None))}
        except MCPError as error:
            answer = {"error": plain(error.error)}
        except (RuntimeError, ValueError) as error:
            answer = {"error": {"message": str(error)}}
    return {**answer, "progress": progress} if keeps else answer


def call(client, step, on_progress):
    params = step.get("params", {})
    match step["ask"]:
        case "tools/list":
            return client.list_tools()
        case "tools/call":
            return client.call_tool(params["name"], params.get("arguments"), progress_callback=on_progress)
        case "prompts/list":
            return client.list_prompts()
        case "prompts/get":
            return client.get_prompt(params["name"], params.get("arguments"))
        case "resources/list":
            return client.list_resources()
        case "resources/templates/list":
            return client.list_resource_templates()
        case "resources/read":
            return client.read_resource(params["uri"])
        case "resources/subscribe":
            return client.subscribe_resource(params["uri"])
        case "resources/unsubscribe":
            return client.unsubscribe_resource(params["uri"])
        case "completion/complete":
            kind = types.PromptReference if params["ref"]["type"] == "ref/prompt" else types.ResourceTemplateReference
            return client.complete(kind.model_validate(params["ref"]), params["argument"])
        case "logging/setLevel":
            return client.set_logging_level(params["level"])
        case "ping":
            return client.send_ping()
    raise ValueError(f"unknown method {step['ask']}")


async def main():
    for line in sys.stdin:
        told = json.loads(line)
        transcript = await play(**told)
        print(json.dumps(transcript), flush=True)


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
