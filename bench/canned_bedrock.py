"""Serves canned answers as Bedrock does, in a process of its own: prints its address, and ends when its input does.

It stands on the tests' local service, so it is run with their folder on the path.
"""

import sys

from bench.canned import arguments
from services import serve
from services.bedrock import BedrockService
from services.model_answers import Answer, Asked, structured


def _answer(asked: Asked) -> Answer:
    return structured(arguments("findings" in asked.tools["hand_in"]["properties"], asked.system))


if __name__ == "__main__":
    with serve(BedrockService(_answer)) as address:
        print(address, flush=True)
        sys.stdin.read()
