"""What a turn does: stores, streams, stops, fails, queues."""

import asyncio
from decimal import Decimal

import pytest

from brim.core.agent import AgentInterface
from brim.core.errors import BrimError, OverloadedError
from brim.core.events import (
    Done,
    QueueChanged,
    ReasoningDelta,
    SessionChanged,
    TextAdded,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentResponse, QueuedPrompt, Status
from brim.core.usage import Usage
from tests.support.agents import Gated, Plain


@pytest.fixture
async def gated(tmp_path):
    agent = Gated()
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        yield manager, agent


async def until_text(manager, session_id, text):
    with manager.subscribe(session_id) as watcher:
        if (live := manager.live(session_id)) and live.content.endswith(text):
            return
        async for batch in watcher.batches():
            if (live := manager.live(session_id)) and live.content.endswith(text):
                return
            assert not any(isinstance(event, TurnFinished | TurnFailed) for event in batch)


async def test_the_prompt_is_on_disk_before_the_agent_is_asked(tmp_path):
    store = SQLiteStore(tmp_path / "brim.db")
    seen = []

    class Looking(AgentInterface):
        async def process(self, context):
            seen.extend(await store.tail(context.session_id, limit=5))
            return AgentResponse(output="ok")

    async with SessionManager(Looking(), store=store) as manager:
        session = await manager.create()
        await (await manager.send(session.id, "What is 2+2?")).wait()
    assert [(m.role, m.content, m.status) for m in seen] == [
        ("user", "What is 2+2?", Status.COMPLETE),
        ("assistant", "", Status.STREAMING),
    ]


async def test_a_turn_from_start_to_finish(gated):
    manager, agent = gated
    session = await manager.create(model="agent:test")
    with manager.subscribe(session.id) as watcher:
        turn = await manager.send(session.id, "Hi there. How are you?")
        for event in (
            ReasoningDelta("hm"),
            TextDelta("Let me look. "),
            ToolStarted("c1", "look", "{}"),
            ToolFinished("c1", "42"),
            TextDelta("Fine."),
        ):
            agent.put("Hi there. How are you?", event)
        agent.end(
            "Hi there. How are you?",
            Usage(input_tokens=20, cache_read_tokens=5, output_tokens=7, reasoning_tokens=2),
        )
        answer = await turn.wait()
    kinds = [type(event) async for batch in watcher.batches() for event in batch]

    assert answer.status is Status.COMPLETE
    assert (answer.content, answer.reasoning) == ("Let me look. Fine.", "hm")
    assert [(call.name, call.result, call.at) for call in answer.tool_calls] == [("look", "42", 13)]
    assert answer.usage == Usage(input_tokens=20, cache_read_tokens=5, output_tokens=7, reasoning_tokens=2)
    assert (answer.tokens, answer.tokens_estimated) == (5, False)
    assert answer.finish_reason == "stop"
    assert kinds.index(TurnStarted) < kinds.index(TextAdded) < kinds.index(TurnFinished)
    stored = await manager.session(session.id)
    assert (stored.title, stored.messages, stored.tokens, stored.turns) == ("Hi there", 2, 32, 1)
    assert stored.window_tokens == 25 + 5


async def test_stopping_keeps_what_came_and_closes_the_stream(gated):
    manager, agent = gated
    session = await manager.create()
    turn = await manager.send(session.id, "go")
    agent.say("go", "half ", "an answer")
    await until_text(manager, session.id, "answer")
    await manager.stop(session.id)
    answer = await turn.wait()
    assert (answer.status, answer.content) == (Status.STOPPED, "half an answer")
    assert agent.closed == 1
    assert manager.running() == frozenset()
    assert (await manager.transcript(session.id))[-1] == answer


async def test_stopping_nothing_does_nothing(gated):
    manager, _ = gated
    session = await manager.create()
    await manager.stop(session.id)
    assert await manager.transcript(session.id) == []


async def test_a_failure_stands_on_the_turn_with_the_text_that_came(gated):
    manager, agent = gated
    session = await manager.create()
    turn = await manager.send(session.id, "go")
    agent.say("go", "partial")
    agent.put("go", OverloadedError("The server is busy.", hint="Try again.", retry_after_s=3.0))
    answer = await turn.wait()
    assert (answer.status, answer.content) == (Status.FAILED, "partial")
    assert answer.failure.model_dump() == {
        "kind": "overloaded",
        "sentence": "The server is busy.",
        "hint": "Try again.",
        "retryable": True,
        "retry_after_s": 3.0,
        "status": None,
    }
    assert [m.content for m in await manager.transcript(session.id)] == ["go", "partial"]


async def test_retry_makes_a_sibling_and_asks_with_the_same_history(gated):
    manager, agent = gated
    session = await manager.create()
    turn = await manager.send(session.id, "go")
    agent.put("go", OverloadedError("busy"))
    failed = await turn.wait()
    again = await manager.retry(session.id)
    agent.say("go", "better")
    agent.end("go")
    answer = await again.wait()
    assert answer.parent_id == failed.parent_id
    assert [m.content for m in await manager.transcript(session.id)] == ["go", "better"]
    assert [context.conversation_history for context in agent.asked] == [[], []]
    assert (await manager.messages_by_id([failed.id]))[0].status is Status.FAILED


async def test_retry_with_nothing_to_retry(gated):
    manager, _ = gated
    session = await manager.create()
    with pytest.raises(BrimError, match="no prompt"):
        await manager.retry(session.id)
    await manager.send(session.id, "go")
    with pytest.raises(BrimError, match="still being written"):
        await manager.retry(session.id)


async def test_prompts_wait_their_turn(gated):
    manager, agent = gated
    session = await manager.create()
    turns = [await manager.send(session.id, text) for text in ("one", "two", "three")]
    assert (await manager.session(session.id)).queued == (
        QueuedPrompt(text="two"),
        QueuedPrompt(text="three"),
    )
    for text in ("one", "two", "three"):
        agent.say(text, f"answer to {text}")
        agent.end(text)
    answers = [await turn.wait() for turn in turns]
    assert [a.content for a in answers] == ["answer to one", "answer to two", "answer to three"]
    assert [m.content for m in await manager.transcript(session.id)] == [
        "one",
        "answer to one",
        "two",
        "answer to two",
        "three",
        "answer to three",
    ]
    assert (await manager.session(session.id)).queued == ()


async def test_the_queue_waits_after_a_stop_and_goes_on_with_the_next_prompt(gated):
    manager, agent = gated
    session = await manager.create()
    await manager.send(session.id, "one")
    await manager.send(session.id, "two")
    await manager.stop(session.id)
    assert (await manager.session(session.id)).queued == (QueuedPrompt(text="two"),)
    assert manager.running() == frozenset()
    last = await manager.send(session.id, "three")
    for text in ("two", "three"):
        agent.say(text, text.upper())
        agent.end(text)
    assert (await last.wait()).content == "THREE"
    assert [m.content for m in await manager.transcript(session.id) if m.role == "user"] == [
        "one",
        "two",
        "three",
    ]


async def test_the_queue_can_be_taken_back(gated):
    manager, _ = gated
    session = await manager.create()
    await manager.send(session.id, "one")
    waiting = await manager.send(session.id, "two")
    with manager.subscribe(session.id) as watcher:
        assert await manager.take_back_queue(session.id) == (QueuedPrompt(text="two"),)
        assert await manager.take_back_queue(session.id) == ()
    with pytest.raises(asyncio.CancelledError):
        await waiting.wait()
    events = [
        event async for batch in watcher.batches() for event in batch if isinstance(event, QueueChanged)
    ]
    assert [event.prompts for event in events] == [()]


async def test_sessions_answer_at_the_same_time(gated):
    manager, agent = gated
    first, second = await manager.create(), await manager.create()
    turns = [await manager.send(first.id, "a"), await manager.send(second.id, "b")]
    for number in range(20):
        agent.say("a", f"a{number} ")
        agent.say("b", f"b{number} ")
    await until_text(manager, first.id, "a19 ")
    await until_text(manager, second.id, "b19 ")
    assert manager.running() == {first.id, second.id}
    agent.end("a")
    agent.end("b")
    answers = [await turn.wait() for turn in turns]
    assert [a.content for a in answers] == ["".join(f"{x}{n} " for n in range(20)) for x in "ab"]


async def test_a_late_watcher_gets_the_state_so_far_and_all_that_follows(gated):
    manager, agent = gated
    session = await manager.create()
    turn = await manager.send(session.id, "go")
    agent.say("go", "one ", "two ")
    await until_text(manager, session.id, "two ")
    watcher = manager.subscribe(session.id)
    text = manager.live(session.id).content
    agent.say("go", "three ", "four")
    agent.end("go")
    answer = await turn.wait()
    watcher.close()
    async for batch in watcher.batches():
        text += "".join(event.text for event in batch if isinstance(event, TextAdded))
    assert text == answer.content == "one two three four"


async def test_a_watcher_that_leaves_changes_nothing(gated):
    manager, agent = gated
    session = await manager.create()
    with manager.subscribe(session.id):
        turn = await manager.send(session.id, "go")
        agent.say("go", "one ")
    agent.say("go", "two")
    agent.end("go")
    assert (await turn.wait()).content == "one two"


async def test_closing_keeps_what_came(tmp_path):
    agent = Gated()
    manager = SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db"))
    await manager.open()
    session = await manager.create()
    await manager.send(session.id, "go")
    agent.say("go", "so far")
    await until_text(manager, session.id, "far")
    await manager.aclose()
    store = SQLiteStore(tmp_path / "brim.db")
    recovered = await store.open()
    assert recovered.interrupted_ids == ()
    assert [(m.content, m.status) for m in await store.transcript(session.id)] == [
        ("go", Status.COMPLETE),
        ("so far", Status.STOPPED),
    ]
    await store.aclose()


class Raises(AgentInterface):
    async def process(self, context):
        raise KeyError("secret sauce")


class ReturnsText(AgentInterface):
    async def process(self, context):
        return "just text"


class SaysError(AgentInterface):
    async def process(self, context):
        return AgentResponse(output="Input too long (max 10,000 characters)", metadata={"error": True})


class YieldsText(Plain):
    async def process_stream(self, context):
        yield TextDelta("some ")
        yield "text"


class YieldsNumbers(Plain):
    async def process_stream(self, context):
        yield TextDelta(5)


class ForgetsToYield(Plain):
    async def process_stream(self, context):
        return [TextDelta("x"), Done()]


class FinishesAStranger(Plain):
    async def process_stream(self, context):
        yield ToolFinished("nobody", "x")


class Hangs(Plain):
    async def process_stream(self, context):
        yield TextDelta("before ")
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("agent", "words", "text"),
    [
        (Raises(), "raised KeyError", ""),
        (ReturnsText(), "returned str", ""),
        (SaysError(), "Input too long", ""),
        (YieldsText(), "yielded str", "some "),
        (YieldsNumbers(), "yielded int", ""),
        (ForgetsToYield(), "no async iterator", ""),
        (FinishesAStranger(), "never started", ""),
        (Hangs(), "sent nothing for 2 seconds", "before "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AgentInterface) else None,
)
async def test_an_agent_that_misbehaves_is_an_error_on_the_turn(agent, words, text):
    async with SessionManager(agent, silence_s=2.0) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, "go")).wait()
        assert answer.status is Status.FAILED
        assert words in answer.failure.sentence
        assert answer.content == text
        assert [m.content for m in await manager.transcript(session.id)] == ["go", text]


async def test_an_agent_that_ends_without_done_has_answered():
    class NoDone(Plain):
        async def process_stream(self, context):
            yield TextDelta("all there is")

    async with SessionManager(NoDone()) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, "go")).wait()
        assert (answer.status, answer.content) == (Status.COMPLETE, "all there is")


async def test_an_empty_prompt_is_refused(gated):
    manager, _ = gated
    session = await manager.create()
    with pytest.raises(ValueError, match="nothing to send"):
        await manager.send(session.id, " \n ")


async def test_delete_stops_and_hides_and_restore_brings_back(gated):
    manager, agent = gated
    session = await manager.create(title="Kept")
    turn = await manager.send(session.id, "go")
    agent.say("go", "so far")
    await until_text(manager, session.id, "far")
    await manager.delete(session.id)
    assert (await turn.wait()).status is Status.STOPPED
    assert await manager.list_sessions() == []
    restored = await manager.restore(session.id)
    assert [s.id for s in await manager.list_sessions()] == [restored.id]
    assert (await manager.transcript(session.id))[-1].content == "so far"


async def test_changes_of_a_session_are_announced_to_all(gated):
    manager, _ = gated
    with manager.subscribe() as watcher:
        session = await manager.create()
        await manager.rename(session.id, "  A new\nname ")
    titles = [
        e.session.title async for batch in watcher.batches() for e in batch if isinstance(e, SessionChanged)
    ]
    assert titles == ["", "A new name"]


async def test_who_hears_of_a_failure_may_ask_again_at_once():
    class Flaky(Plain):
        async def process(self, context):
            if not self.asked:
                self.asked.append(context)
                raise RuntimeError("not yet")
            return await super().process(context)

    async with SessionManager(Flaky("Now.")) as manager:
        session = await manager.create()
        with manager.subscribe(session.id) as watcher:
            await manager.send(session.id, "Hello?")
            async for batch in watcher.batches():
                if any(isinstance(event, TurnFailed) for event in batch):
                    break
            again = await (await manager.retry(session.id)).wait()
        assert (again.content, again.status) == ("Now.", Status.COMPLETE)


@pytest.mark.parametrize("what", ["edit", "regenerate", "retry", "show"])
async def test_who_hears_of_the_end_may_go_on_from_an_earlier_place_at_once(gated, what):
    manager, agent = gated
    session = await manager.create()
    agent.end("one")
    await (await manager.send(session.id, "one")).wait()
    agent.end("two")
    with manager.subscribe(session.id) as watcher:
        await manager.send(session.id, "two")
        async for batch in watcher.batches():
            if ended := [event for event in batch if isinstance(event, TurnFinished)]:
                break
    answer = ended[0].answer
    if what == "show":
        await manager.branches.show(answer.id)
        return
    agent.end("two")
    agent.end("three")
    turn = await {
        "edit": lambda: manager.branches.edit(answer.parent_id, "three"),
        "regenerate": lambda: manager.branches.regenerate(answer.id),
        "retry": lambda: manager.retry(session.id),
    }[what]()
    assert (await turn.wait()).status is Status.COMPLETE


async def test_counts_that_cannot_be_are_an_error_on_the_turn():
    class Negative(Plain):
        async def process_stream(self, context):
            yield TextDelta("text")
            yield UsageReported(Usage(input_tokens=-5))

    async with SessionManager(Negative()) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, "Hello?")).wait()
        assert answer.status is Status.FAILED
        assert answer.failure is not None and "must not be negative" in answer.failure.sentence
        assert answer.content == "text"


async def test_what_an_agent_says_that_an_answer_cost_is_its_price(tmp_path):
    agent = Plain(prompt_tokens=100, completion_tokens=23, cost=0.5)
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        session = await manager.create()
        answer = await (await manager.send(session.id, "What is 2+2?")).wait()
        assert (answer.usage, answer.cost_usd) == (Usage(input_tokens=100, output_tokens=23), Decimal("0.5"))
        assert (await manager.session(session.id)).cost_usd == Decimal("0.5")


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), "0.5", True, None])
async def test_a_cost_that_cannot_be_is_none(tmp_path, cost):
    agent = Plain(prompt_tokens=100, completion_tokens=23, cost=cost)
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        answer = await (await manager.send((await manager.create()).id, "What is 2+2?")).wait()
    assert (answer.status, answer.cost_usd) == (Status.COMPLETE, None)


async def test_what_a_failed_answer_took_counts_too(tmp_path):
    agent = Plain(prompt_tokens=100, completion_tokens=23, cost=0.5, error="out of luck")
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "brim.db")) as manager:
        answer = await (await manager.send((await manager.create()).id, "What is 2+2?")).wait()
    assert (answer.status, answer.cost_usd) == (Status.FAILED, Decimal("0.5"))
    assert answer.usage is not None and answer.usage.prompt_tokens == 100
