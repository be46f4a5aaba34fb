"""A server of another make, from a wheel, in a child process: ``from tests.support.other_server import other``.

It is llm-mock-api, which has its own code for chat completions, Responses and Anthropic's messages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import pytest

_CHILD = """
import asyncio, json, sys
from llm_mock_api import MockServer, MockServerOptions
from llm_mock_api.types.reply import ErrorReply, ReplyObject, Usage

async def serve(rules):
    server = MockServer(MockServerOptions(port=0, host="127.0.0.1", log_level="none", default_chunk_size=7))
    for rule in rules:
        usage = Usage(**rule["usage"]) if "usage" in rule else None
        error = ErrorReply(**rule["error"]) if "error" in rule else None
        said = ReplyObject(text=rule.get("text"), reasoning=rule.get("reasoning"), usage=usage, error=error)
        server.when(rule["when"]).reply(said)
    await server.start()
    print(json.dumps(server.url), flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(serve(json.loads(sys.argv[1])))
"""

RULES = [
    {
        "when": "capital",
        "text": "The capital of France is Paris.",
        "reasoning": "They ask for a capital.",
        "usage": {"input": 31, "output": 8},
    },
    {"when": "too fast", "error": {"status": 429, "message": "Slow down.", "type": "rate_limit_error"}},
    {"when": "who are you", "error": {"status": 401, "message": "No such key."}},
    {"when": "break", "error": {"status": 500, "message": "Something broke."}},
]


@dataclass(frozen=True, slots=True)
class OtherServer:
    """Where the server is."""

    url: str

    @property
    def openai_url(self) -> str:
        """The base URL for chat completions and Responses."""
        return f"{self.url}/v1"


@pytest.fixture(scope="session")
def other() -> Iterator[OtherServer]:
    """Start the server; it stops with the tests."""
    if find_spec("llm_mock_api") is None:
        pytest.skip("llm-mock-api is not installed")
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, json.dumps(RULES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            line = child.stdout.readline()
            assert line, f"the server did not start:\n{child.stderr.read()[-2000:]}"
            yield OtherServer(json.loads(line).rstrip("/"))
        finally:
            child.kill()
