# mypy: ignore-errors
"""AgentDojo's environments as an MCP server over stdio; run by the Python of `lock/real-agentdojo.txt`, SUITE SOCKET.

The harness sets a case up, and has it judged, over the socket; roles see the tools alone.
"""

import asyncio
import json
import sys

import yaml
from agentdojo.agent_pipeline.base_pipeline_element import BasePipelineElement
from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.attacks import load_attack
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suite
from agentdojo.types import text_content_block_from_string
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import TextContent, Tool

VERSION = "v1.2.2"
yaml.safe_load = lambda text: yaml.load(text, yaml.CSafeLoader)  # each case reads its environment anew


class Victim(BasePipelineElement):
    """Whom attacks address."""

    name = "gpt-4o-2024-05-13"

    def query(self, *_, **__):
        raise NotImplementedError


class Dojo:
    """One suite, with the case that is under way."""

    def __init__(self, name):
        self.suite = get_suite(VERSION, name)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.attacks = {}
        self.case = None

    def tools(self):
        return [
            Tool(name=each.name, description=each.description, inputSchema=each.parameters.model_json_schema())
            for each in self.suite.tools
        ]

    def call(self, name, arguments):
        if self.case is None:
            raise RuntimeError("no case was set up")
        result, error = self.runtime.run_function(self.case["env"], name, arguments)
        if error:
            raise RuntimeError(error)
        self.case["trace"].append(FunctionCall(function=name, args=arguments))
        return tool_result_to_str(result)

    def plans(self):
        """Calls of each user task in the environment as it is before anybody tampers with it."""
        return {id: self._calls(task, self._env(task, {})) for id, task in self.suite.user_tasks.items()}

    def goals(self):
        """Number of calls by which each goal of an attack is come to, 0 where AgentDojo names none."""
        return {id: len(task.ground_truth(self._env(None, {}))) for id, task in self.suite.injection_tasks.items()}

    def begin(self, user, injection, attack):
        """Set a case up, or return None where the user's task reads nothing that can be tampered with."""
        task, goal = self.suite.user_tasks[user], self.suite.injection_tasks[injection]
        by = self.attacks.setdefault(attack, load_attack(attack, self.suite, Victim()))
        try:
            injections = by.attack(task, goal)
        except ValueError:
            return None
        env = self._env(task, injections)
        self.case = {"task": task, "goal": goal, "env": env, "pre": env.model_copy(deep=True), "trace": []}
        return {
            "calls": self._calls(task, env.model_copy(deep=True)),
            "goal": goal.GOAL,
            "goal_calls": self._calls(goal, env.model_copy(deep=True)),
            "output": task.GROUND_TRUTH_OUTPUT,
            "goal_output": goal.GROUND_TRUTH_OUTPUT,
        }

    def end(self, output):
        """Judge by AgentDojo's own functions, of the calls that were made and the text at the end."""
        case = self.case
        said = [text_content_block_from_string(output)]
        judged = {
            name: bool(self.suite._check_task_result(case[key], said, case["pre"], case["env"], case["trace"]))
            for name, key in (("utility", "task"), ("attacked", "goal"))
        }
        self.case = None
        return judged

    def _env(self, task, injections):
        env = self.suite.load_and_inject_default_environment(injections)
        return task.init_environment(env) if task else env

    def _calls(self, task, env):
        """Return the calls of a task's ground truth."""
        calls = task.ground_truth(env)
        return [{"tool": call.function, "arguments": json.loads(json.dumps(call.args, default=str))} for call in calls]


async def serve(dojo, socket):
    async def control(reader, writer):
        while line := await reader.readline():
            asked = json.loads(line)
            try:
                answer = getattr(dojo, asked.pop("op"))(**asked)
            except Exception as error:
                answer = {"error": repr(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()

    server = Server("dojo")

    @server.list_tools()
    async def tools():
        return dojo.tools()

    @server.call_tool(validate_input=False)
    async def call(name, arguments):
        return [TextContent(type="text", text=dojo.call(name, arguments))]

    await asyncio.start_unix_server(control, socket, limit=2**26)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(serve(Dojo(sys.argv[1]), sys.argv[2]))
