"""The program of the child process that holds the local model: ``python -m brim.providers.local_server``.

It reads its orders as one line of JSON from standard input, loads the model, and reports its address as one
line of JSON on what was standard output; everything that llama.cpp prints goes to standard error, which is
the log file. It lives as long as its standard input stays open, so that it ends with its parent however that
ends. The library holds Python's lock while it loads, so until then only the kernel's signal (Linux) ends it.

A start that fails ends with a traceback in the log and without a report.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xllamacpp

_LOG_S = 0.5
"""What the library says it writes in a thread of its own, which an end at once would cut off; in seconds."""

NICENESS = 5
"""How far the model steps back for everything else that wants the processor."""
_OOM_SCORE = "800"
"""When the machine runs out of memory, the model goes, not the app and not the person's other programs."""
SMALL_MODEL_BYTES = 1 << 30
"""Below this size of its file a model strays and repeats itself, unless it is held back."""
SMALL_MODEL_ANSWER_TOKENS = 512
"""The longest answer of such a model, unless the request says otherwise."""
BATCH_TOKENS = 512
"""How much of a prompt is read in one go: between two the other answers go on, and the progress is told."""
LOG_BYTES = 4 << 20
"""Where the log file ends, however long the child lives."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the parent wants. ``cache_mib`` bounds the memory for prompts of sessions that lost their slot."""

    model_path: str
    name: str
    key: str
    threads: int
    window_tokens: int
    slots: int
    cache_mib: int

    def line(self) -> bytes:
        """Return the orders as the child reads them."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    """Serve the model until standard input ends."""
    report = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _step_back()
    if not (line := sys.stdin.buffer.readline()):
        return
    # Whatever the end is: the library's threads may be in the middle of answers that nobody waits for any
    # more, and an orderly end would wait for them.
    try:
        server = _load(Orders(**json.loads(line)))
        os.write(report, json.dumps({"address": server.listening_address}).encode() + b"\n")
        sys.stdin.buffer.read()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        time.sleep(_LOG_S)
        os._exit(1)
    os._exit(0)


def _step_back() -> None:
    """Be the one who waits or goes when the machine is short of anything, leave no large files, and end with
    the parent."""
    os.nice(NICENESS)
    # The child writes no other file, and Python ignores the signal that comes with a refused write.
    resource.setrlimit(resource.RLIMIT_FSIZE, (LOG_BYTES, LOG_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def _load(orders: Orders) -> xllamacpp.Server:
    """Load the model and start to answer on a free port of the loopback interface."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders.model_path
    params.model_alias = {orders.name}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [orders.key]
    params.cors_origins = ""
    params.ui = False
    params.n_parallel = orders.slots
    params.n_ctx = orders.slots * orders.window_tokens
    params.kv_unified = False
    params.n_batch = BATCH_TOKENS
    params.cache_ram_mib = orders.cache_mib
    params.cpuparams.n_threads = orders.threads
    params.cpuparams_batch.n_threads = orders.threads
    params.sse_ping_interval = 10
    if Path(orders.model_path).stat().st_size < SMALL_MODEL_BYTES:
        _hold_back(params)
    return xllamacpp.Server(params)


def _hold_back(params: xllamacpp.CommonParams) -> None:
    """Set what a request gets that asks for nothing else.

    Over two dozen short questions SmolLM2 135M was right most often with these. A plain penalty on repeated
    words made it avoid the right one: asked for 2+2 it would not say 4. Without a limit an answer that has
    lost its way goes on to the end of the window.
    """
    params.n_predict = SMALL_MODEL_ANSWER_TOKENS
    params.sampling.temp = 0.3
    params.sampling.min_p = 0.1
    params.sampling.dry_multiplier = 0.8
    params.sampling.dry_penalty_last_n = SMALL_MODEL_ANSWER_TOKENS


if __name__ == "__main__":
    main()
