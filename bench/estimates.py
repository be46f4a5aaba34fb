"""How well prompt sizes are predicted: chats made of texts found on the machine, counted by a real llama.cpp server.

``python bench/estimates.py`` prints a table; see README.md. ``BENCH_SEED`` and ``BENCH_SESSIONS`` vary it.
"""

from __future__ import annotations

import ast
import asyncio
import gettext
import gzip
import json
import math
import os
import re
import statistics
import sysconfig
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random

from brim.core.agent import AgentInterface, OneAgent
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, estimate_tokens
from brim.core.events import Done, StreamEvent, TextDelta, UsageReported
from brim.core.sessions import SessionManager
from brim.core.types import AgentConfig, AgentContext, AgentResponse, Message
from brim.core.usage import Usage
from brim.providers.local import LocalAgent, find_model

SEED = int(os.environ.get("BENCH_SEED", "1"))
SESSIONS = int(os.environ.get("BENCH_SESSIONS", "12"))
TURNS = 8
TURNS_SEEN = 3
LONGEST_TEXT = 60_000  # characters taken of one file
SITE = Path(sysconfig.get_path("purelib"))
STDLIB = Path(sysconfig.get_path("stdlib"))
SHARE = Path("/usr/share")
NODE = Path("/usr/lib/node_modules")


def files(rng: Random, pattern: str, *folders: Path, limit: int = 80) -> Iterator[str]:
    """Yield the texts of some files; folders that this machine does not have are passed over."""
    found = sorted({path for folder in folders if folder.is_dir() for path in folder.glob(pattern)})
    rng.shuffle(found)
    for path in found[:limit]:
        if path.is_file() and path.stat().st_size < 1_000_000:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield data.decode("utf-8", "ignore")[:LONGEST_TEXT]


def prose(rng: Random) -> Iterator[str]:
    """READMEs and docstrings."""
    for text in files(rng, "*.dist-info/METADATA", SITE):
        yield text.partition("\n\n")[2]
    yield from files(rng, "**/*.md", SITE, SHARE / "doc", NODE)
    for source in files(rng, "*.py", STDLIB):
        try:
            nodes = ast.walk(ast.parse(source))
        except SyntaxError:  # cut off at LONGEST_TEXT
            continue
        kinds = ast.FunctionDef, ast.ClassDef, ast.Module
        docstrings = (ast.get_docstring(node) for node in nodes if isinstance(node, kinds))
        yield "\n\n".join(docstring for docstring in docstrings if docstring)


def python(rng: Random) -> Iterator[str]:
    """Python sources."""
    yield from files(rng, "**/*.py", SITE)
    yield from files(rng, "*.py", STDLIB)


def c(rng: Random) -> Iterator[str]:
    """C headers."""
    yield from files(rng, "**/*.h", Path(sysconfig.get_path("include")), Path("/usr/include/linux"))


def other_code(rng: Random) -> Iterator[str]:
    """JavaScript, Perl and shell, as far as the machine has them."""
    yield from (text for text in files(rng, "**/*.js", NODE) if "\n" in text[:400])
    yield from files(rng, "**/*.pm", *sorted(SHARE.glob("perl*")))
    yield from files(rng, "*.sh", Path("/usr/lib/git-core"), SHARE / "vim/vim90")


def json_texts(rng: Random) -> Iterator[str]:
    """JSON files, as they are and without blanks."""
    for text in files(rng, "**/*.json", NODE, SITE):
        yield text
        try:
            yield json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        except ValueError:  # cut off at LONGEST_TEXT
            continue


def catalogues(rng: Random, folders: list[Path]) -> Iterator[str]:
    """Message catalogues, each in an order of its own."""
    for folder in folders:
        for path in sorted((folder / "LC_MESSAGES").glob("*.mo"))[:40]:
            try:
                with path.open("rb") as file:
                    said = [str(text) for text in gettext.GNUTranslations(file)._catalog.values()]
            except (UnicodeDecodeError, ValueError):
                continue
            own = [text for text in said if sum(character > "\u2fff" for character in text) > 10]
            rng.shuffle(own)
            yield "\n".join(own)[:LONGEST_TEXT]


def manuals(rng: Random, language: str) -> Iterator[str]:
    """Manual pages without their markup, and catalogues."""
    for page in files(rng, "man*/*.gz", SHARE / "man" / language):
        lines = (
            re.sub(r"^\.\w+ ?", "", line)
            for line in page.splitlines()
            if line[:2] not in ('."', ".\\", "'\\")
        )
        yield re.sub(r"\\f.|\\&|\\", "", "\n".join(lines))
    vim = SHARE / "vim/vim90/lang"
    yield from catalogues(rng, [SHARE / "locale" / language, vim / language, vim / f"{language}.UTF-8"])


def chinese(rng: Random) -> Iterator[str]:
    """Simplified and traditional."""
    yield from manuals(rng, "zh_CN")
    yield from manuals(rng, "zh_TW")


def japanese(rng: Random) -> Iterator[str]:
    """Manual pages and catalogues."""
    yield from manuals(rng, "ja")


SOURCES: dict[str, Callable[[Random], Iterator[str]]] = {
    "prose": prose,
    "python": python,
    "c": c,
    "other code": other_code,
    "json": json_texts,
    "chinese": chinese,
    "japanese": japanese,
}
MIXED = "mixed"


class Texts:
    """Pieces of the texts of each class that the machine has enough of."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._texts: dict[str, list[str]] = {}
        for name, source in SOURCES.items():
            texts = [text for text in source(rng) if len(text) > 500]
            if len(texts) < 5:
                print(f"{name}: this machine has too little of it")
            else:
                self._texts[name] = texts

    @property
    def classes(self) -> list[str]:
        """The classes there are, and the mixture of them."""
        return [*self._texts, MIXED]

    def message(self, kind: str, shortest: int, longest: int) -> str:
        """Return a message whose length, in characters, is spread evenly over the orders of magnitude."""
        length = int(math.exp(self._rng.uniform(math.log(shortest), math.log(longest))))
        if kind != MIXED:
            return self._piece(kind, length)
        kinds = self._rng.choices(list(self._texts), k=2)
        parts = [self._piece("prose", 80), *(self._piece(part, length // 2) for part in kinds)]
        return f"{parts[0]}\n\n{parts[1]}\n\n```\n{parts[2]}\n```"

    def _piece(self, kind: str, length: int) -> str:
        while True:
            text = self._rng.choice(self._texts[kind])
            start = self._rng.randrange(max(1, len(text) - length))
            start = text.rfind("\n", 0, start) + 1
            if piece := text[start : start + max(length, 1)].strip():
                return piece


class Counted(AgentInterface):
    """Gives the answers it is told to and reports what the server counts."""

    def __init__(self, server: LocalAgent) -> None:
        self._server = server
        self.answer = ""

    async def process(self, context: AgentContext) -> AgentResponse:
        """Not used: `process_stream` answers."""
        raise NotImplementedError

    async def process_stream(self, context: AgentContext) -> AsyncIterator[StreamEvent]:
        """Yield the answer and its usage."""
        prompt = [*context.conversation_history, Message(role="user", content=context.input)]
        question = Message(role="user", content="?")
        answer = await self._count(question, Message(role="assistant", content=self.answer))
        nothing = await self._count(question, Message(role="assistant", content="?")) - 1
        yield TextDelta(self.answer)
        yield UsageReported(
            Usage(
                input_tokens=await self._count(*prompt), output_tokens=answer - nothing + 1
            )  # its end marker
        )
        yield Done()

    async def _count(self, *messages: Message) -> int:
        count = await self._server.count_tokens(messages)
        assert count is not None
        return count

    async def window_tokens(self) -> int:
        """So large that nothing is cleaned."""
        return 10_000_000


class Errors:
    """Relative errors by name."""

    def __init__(self) -> None:
        self._errors: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, predicted: float, counted: float) -> None:
        """Take in one prediction."""
        self._errors[name].append(abs(predicted - counted) / counted)

    def figures(self, name: str) -> str:
        """Return the median, the 95th percentile, and how many lie within a tenth."""
        errors = sorted(self._errors[name])
        if not errors:
            return "-"
        p95 = errors[min(len(errors) - 1, round(0.95 * (len(errors) - 1)))]
        within = sum(error <= 0.1 for error in errors) / len(errors)
        return f"{statistics.median(errors):6.1%} {p95:6.1%} {within:5.0%} {len(errors):5}"


async def chat(
    manager: SessionManager,
    agent: Counted,
    texts: Texts,
    kind: str,
    model: str,
    errors: Errors,
    seen: int,
    turns: int,
) -> int:
    """Hold one conversation and note how well each prompt was predicted; returns the model's turns so far."""
    session = await manager.create(model=model)
    for turn in range(turns):
        text = texts.message(kind, 40, 6000)
        agent.answer = texts.message(kind, 200, 3000)
        before = (await manager.context_usage(session.id)).used_tokens
        weight = manager.estimate(model, text)
        answer = await (await manager.send(session.id, text)).wait()
        assert answer.usage is not None and not answer.usage.estimated, answer
        counted = answer.usage.prompt_tokens
        if seen >= TURNS_SEEN:
            place = "opening" if turn == 0 else "later"
            for name in (kind, "all", place):
                errors.add(f"prompt {name}", before + weight, counted)
                if counted - before > 60:
                    errors.add(f"message {name}", weight, counted - before)
                    errors.add(
                        f"first {name}", estimate_tokens(text) + MESSAGE_OVERHEAD_TOKENS, counted - before
                    )
        seen += 1
    return seen


def table(title: str, errors: Errors, names: list[str]) -> None:
    """Print the figures."""
    print(f"\n{title}")
    heads = "prompt size", "new message alone", "the same, nothing learnt"
    print(f"{'':<12}" + "".join(f"{head:^30}" for head in heads))
    print(f"{'':<12}" + f"{'median    p95  ≤10%     n':>26}    " * 3)
    for name in names:
        print(
            f"{name:<12}"
            + "".join(
                f"{errors.figures(f'{part} {name}'):>26}    " for part in ("prompt", "message", "first")
            )
        )


def speed(texts: Texts) -> None:
    """Print how long a million bytes take."""
    for kind in ("prose", "python", "chinese"):
        if kind in texts.classes:
            text = "".join(texts.message(kind, 20_000, 50_000) for _ in range(60))
            text = text.encode()[:1_000_000].decode("utf-8", "ignore")
            times = []
            for _ in range(9):
                start = time.process_time()
                estimate_tokens(text)
                times.append(time.process_time() - start)
            print(
                f"{len(text.encode()) / 1e6:.2f} MB of {kind}: {statistics.median(times) * 1000:.1f} ms of CPU"
            )


async def main() -> None:
    """Measure all."""
    texts = Texts(Random(SEED))
    speed(texts)
    path = find_model("smollm2")
    assert path is not None, "the dependency group `local` is not installed"
    with tempfile.TemporaryDirectory() as folder:
        config = AgentConfig(model="smollm2", max_tokens=1)
        server = LocalAgent(config, model_path=path, log_folder=Path(folder), window_tokens=512)
        try:
            async for _ in server.process_stream(AgentContext(input="Hi")):
                pass
            agent = Counted(server)
            async with SessionManager(OneAgent(agent)) as manager:
                errors = Errors()
                for number in range(SESSIONS):
                    for kind in texts.classes:
                        await chat(manager, agent, texts, kind, f"{kind} {number}", errors, 0, TURNS)
                table(
                    "Each session with a model never seen before, from its fourth turn on",
                    errors,
                    [*texts.classes, "all"],
                )
                errors, rng, seen = Errors(), Random(SEED), 0
                for _ in range(SESSIONS * 4):
                    seen = await chat(
                        manager, agent, texts, rng.choice(texts.classes), "shared", errors, seen, 5
                    )
                table(
                    "One model for sessions of all kinds", errors, [*texts.classes, "opening", "later", "all"]
                )
        finally:
            await server.aclose()


if __name__ == "__main__":
    asyncio.run(main())
