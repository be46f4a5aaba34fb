"""A long chat with real models in a small window: against a llama.cpp server, and with the local model."""

import json
import statistics

import pytest
from pydantic import SecretStr

from brim.core.context import Provenance
from brim.core.events import ContextChanged, TurnStarted, WindowCleaned
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentConfig, Status
from brim.providers.openai import OpenAIAgent
from tests.support.llama_server import LlamaServer, llama
from tests.support.local_model import local_agent, needs_model

__all__ = ["llama"]


PROSE = """The name of the machine was Analytical Engine, and nobody ever saw it run. It was meant to take its
orders from punched cards, to keep a thousand numbers of fifty digits in a store of brass wheels, and to print what
it had found; a bell would ring when it wanted a table of logarithms. Ada Lovelace wrote the notes that people still
read, with a method for Bernoulli's numbers that is often called the first program. "The engine," she said, "has no
pretensions whatever to originate anything." A century later, others quoted it, mostly to disagree."""
CODE = """class Window:
    def __init__(self, size: int = 2_048, *, keep: int = 5) -> None:
        self._size, self._keep = size, keep
        self.messages: list[dict[str, int | str]] = []

    def clean(self) -> list[str]:
        gone = []
        while sum(m["tokens"] for m in self.messages) > 0.6 * self._size:
            if len(self.messages) <= self._keep:
                break  # the newest never leave
            gone.append(self.messages.pop(0)["id"])
        return gone
"""
CHINESE = "人工智能正在改变我们的生活方式。请用一句话解释什么是上下文窗口，为什么旧的消息会离开它。"
JAPANESE = "東京の天気はどうですか。古いメッセージが窓から出ていく理由を一文で説明してください。"
DATA = {
    "name": "Ada",
    "born": 1815,
    "tags": ["math", "engines"],
    "url": "https://a.example/x?y=1",
    "ok": True,
}


def prompts(turns):
    """Prose, code, Chinese, Japanese and JSON, from a handful of tokens to some hundred and fifty."""
    for number in range(turns):
        place = 37 * number % 200
        kinds = (
            f"{number}. Say yes.",
            f"Sum this up in one sentence: {PROSE[place : place + 120 + 4 * number]}",
            f"What does this do?\n\n{CODE[place : place + 100 + 4 * number]}",
            CHINESE[: 12 + number % 40],
            JAPANESE[: 12 + number % 40],
            f"Read this: {json.dumps(dict(list(DATA.items())[: 1 + number % 5]))}",
        )
        yield kinds[number % len(kinds)]


async def chat(manager, session, turns):
    """Hold the chat; returns the answers, and what the meter painted last before each request left."""
    answers, painted = [], []
    for text in prompts(turns):
        with manager.subscribe(session.id) as watcher:
            answers.append(await (await manager.send(session.id, text)).wait())
            watcher.close()
            seen = [event async for batch in watcher.batches() for event in batch]
        began = next(i for i, event in enumerate(seen) if isinstance(event, TurnStarted))
        before = [
            event.usage
            for event in seen[began:]
            if isinstance(event, ContextChanged) and event.usage.provenance is not Provenance.REPORTED
        ]
        painted.append([usage.used_tokens for usage in before])
        for event in seen:
            if isinstance(event, WindowCleaned):
                assert event.receipt.left_ids
    return answers, painted


async def check(manager, session, answers, painted, window, record):
    """Hold the chat against what is promised of it; returns the errors from the fourth turn on."""
    assert {answer.status for answer in answers} == {Status.COMPLETE}
    transcript = await manager.transcript(session.id)
    assert [m.content for m in transcript if m.role == "user"] == list(prompts(len(answers)))
    assert [m.content for m in transcript if m.role == "assistant"] == [m.content for m in answers]

    receipts = [message.receipt for message in transcript if message.receipt]
    assert receipts
    gone = {left for receipt in receipts for left in receipt.left_ids}
    assert {message.id for message in transcript if not message.in_window} == gone
    assert all(receipt.reason == "threshold" and receipt.reached_target for receipt in receipts)
    for message in transcript:
        if message.usage:
            assert message.usage.prompt_tokens <= window

    for message, numbers in zip(transcript[1::2], painted, strict=True):
        assert message.prompt_parts.total_tokens in numbers, "the meter showed another number than was kept"
        assert message.prompt_parts.window_tokens == window
    pairs = [(m.prompt_parts.total_tokens, m.usage.prompt_tokens) for m in transcript[1::2]]
    errors = sorted(abs(foreseen / counted - 1) for foreseen, counted in pairs[3:])
    p95 = errors[int(0.95 * len(errors))]
    record("median_error", round(statistics.median(errors), 4))
    record("p95_error", round(p95, 4))
    record("cleanups", len(receipts))
    return errors


class Uncounted(OpenAIAgent):
    """A server that tells nothing before it has answered, as most do."""

    async def count_tokens(self, messages):
        return None

    async def tokenizer(self):
        return None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("agent", "turns"), [(Uncounted, 60), (OpenAIAgent, 40)])
async def test_many_turns_in_a_small_window(agent, turns, llama: LlamaServer, tmp_path, record_property):
    config = AgentConfig(
        model=llama.model,
        api_key=SecretStr(llama.key),
        base_url=llama.openai_url,
        temperature=0.0,
        max_tokens=12,
        max_retries=0,
    )
    path = tmp_path / "brim.db"
    async with SessionManager(agent(config), store=SQLiteStore(path), max_tokens=12) as manager:
        session = await manager.create(model=f"openai:{llama.model}")
        answers, painted = await chat(manager, session, turns)
        errors = await check(manager, session, answers, painted, llama.window_tokens, record_property)
        assert statistics.median(errors) <= 0.03
        assert sum(error <= 0.10 for error in errors) >= 0.95 * len(errors)
        shown = await manager.context_usage(session.id)
    # Opened again, the meter says the same, and the estimator knows what it knew.
    async with SessionManager(agent(config), store=SQLiteStore(path), max_tokens=12) as manager:
        again = await manager.context_usage(session.id)
        assert again.used_tokens == shown.used_tokens
        answer = await (await manager.send(session.id, "And what was the first thing I asked?")).wait()
        assert abs(answer.prompt_parts.total_tokens / answer.usage.prompt_tokens - 1) < 0.05
        found = await manager.transcript(session.id)
        assert found[0].content == "0. Say yes."


@needs_model
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_local_model_is_foreseen_exactly(tmp_path, record_property):
    agent = local_agent(tmp_path, max_tokens=12, window_tokens=768)
    async with SessionManager(agent, max_tokens=12) as manager:
        session = await manager.create()
        answers, painted = await chat(manager, session, 16)
        errors = await check(manager, session, answers, painted, 768, record_property)
        assert max(errors) == 0
