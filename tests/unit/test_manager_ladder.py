"""A provider that refuses a request as too long: what is learnt, what leaves, and how it ends."""

import pytest
from pydantic import SecretStr

from brim.core.agent import AgentInterface
from brim.core.cleanup import CleanupMode
from brim.core.errors import ContextOverflowError
from brim.core.events import ContextChanged, MessageChanged, TurnProgressed, WindowCleaned
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentConfig, AgentResponse, Status
from brim.core.window import shown
from brim.providers.openai import OpenAIAgent
from tests.support.refusing import count, windowed
from tests.support.scripted_server import ScriptedServer

MODEL = "openai:gpt-4o"  # whose window is 128,000 tokens by the catalogue


def agent_of(server):
    return OpenAIAgent(
        AgentConfig(model="gpt-4o", api_key=SecretStr("key"), base_url=server.openai_url, max_retries=0)
    )


async def ask(manager, session, text, **how):
    return await (await manager.send(session.id, text, **how)).wait()


def words(number, of=60):
    return " ".join(f"word{number}x{place}" for place in range(of))


async def events_of(watcher):
    watcher.close()
    return [event async for batch in watcher.batches() for event in batch]


@pytest.mark.parametrize("names", ["both", "nothing"])
async def test_a_smaller_window_than_the_catalogue_says_is_learnt_and_the_turn_succeeds(tmp_path, names):
    async with ScriptedServer() as server:
        server.default = windowed(1_500, words("a", 30), names=names)
        async with SessionManager(agent_of(server), store=SQLiteStore(tmp_path / "brim.db")) as manager:
            session = await manager.create(model=MODEL)
            assert (await manager.context_usage(session.id)).window_tokens == 128_000
            answers = []
            with manager.subscribe(session.id) as watcher:
                while not any(answer.receipt for answer in answers):
                    answers.append(await ask(manager, session, words(len(answers))))
                    assert len(answers) < 30
                happened = await events_of(watcher)
            assert all(answer.status is Status.COMPLETE for answer in answers)
            receipt = answers[-1].receipt
            assert receipt.reason == "too_long"
            assert not receipt.after_answer
            assert receipt.left_ids
            assert count(server.requests[-1]) <= 1_500 < count(server.requests[-2])
            usage = await manager.context_usage(session.id)
            if names == "nothing":
                assert (usage.window_tokens, usage.window_learnt) == (128_000, False)
            else:
                assert (usage.window_tokens, usage.window_learnt) == (1_500, True)
                assert receipt.after_tokens <= 0.6 * 1_500
            if names == "both":
                assert receipt.before_tokens == count(server.requests[-2])
            told = [event.usage for event in happened if isinstance(event, ContextChanged)]
            assert any(one.window_learnt for one in told) is (names != "nothing")
            assert len(await manager.transcript(session.id)) == 2 * len(answers)

            # From now on the window is known before the server refuses.
            if names != "nothing":
                refused = len(server.requests) - len(answers)
                for number in range(12):
                    assert (await ask(manager, session, words(number))).status is Status.COMPLETE
                assert len(server.requests) == len(answers) + 12 + refused


async def test_what_was_learnt_is_kept(tmp_path):
    async with ScriptedServer() as server:
        server.default = windowed(700, words("a", 30))
        for times in range(2):
            async with SessionManager(agent_of(server), store=SQLiteStore(tmp_path / "brim.db")) as manager:
                session = await manager.create(model=MODEL)
                if times == 1:
                    usage = await manager.context_usage(session.id)
                    assert (usage.window_tokens, usage.window_learnt) == (700, True)
                for number in range(5):
                    await ask(manager, session, words(number))


async def test_the_largest_message_is_shortened_where_nothing_can_leave():
    async with ScriptedServer() as server:
        server.default = windowed(600, "Fine.")
        async with SessionManager(agent_of(server)) as manager:
            session = await manager.create(model=MODEL)
            text = "The beginning. " + words(0, 300) + " The end."
            with manager.subscribe(session.id) as watcher:
                answer = await ask(manager, session, text)
                happened = await events_of(watcher)
            assert answer.status is Status.COMPLETE
            sent = server.requests[-1].body["messages"][-1]["content"]
            assert sent.startswith("The beginning. word0x0")
            assert sent.endswith("The end.")
            assert "characters left out …]" in sent
            prompt = (await manager.transcript(session.id))[0]
            assert prompt.content == text
            assert shown(prompt) == sent
            assert answer.receipt.shortened_ids == (prompt.id,)
            assert answer.receipt.left_ids == ()
            assert [e.message.id for e in happened if isinstance(e, MessageChanged)] == [prompt.id]
            assert any(isinstance(e, WindowCleaned) for e in happened)
            usage = await manager.context_usage(session.id)
            assert usage.used_tokens == answer.usage.total_tokens
            with pytest.raises(Exception, match="do not fit"):
                await manager.undo_cleanup(session.id)


async def test_history_leaves_first_then_the_prompt_is_shortened():
    async with ScriptedServer() as server:
        server.default = windowed(900, "Fine.")
        async with SessionManager(agent_of(server), min_messages_to_keep=1) as manager:
            session = await manager.create(model=MODEL)
            for number in range(3):
                await ask(manager, session, words(number, 30))
            answer = await ask(manager, session, words(9, 500))
            assert answer.status is Status.COMPLETE
            prompt = (await manager.transcript(session.id))[-2]
            assert answer.receipt.shortened_ids == (prompt.id,)
            assert len(answer.receipt.left_ids) == 6
            assert len(server.requests) == 3 + 3
            assert answer.receipt.reached_target


class Refusing(AgentInterface):
    """Refuses everything; a window of which nothing is known."""

    def __init__(self, window=None, prompt=None):
        self.asked = []
        self.window = window
        self.prompt = prompt

    async def process(self, context):
        self.asked.append(context)
        raise ContextOverflowError(
            "The prompt is too long.", window_tokens=self.window, prompt_tokens=self.prompt
        )


async def test_each_step_is_taken_once_and_then_it_fails_with_one_sentence():
    agent = Refusing()
    async with SessionManager(agent, min_messages_to_keep=1) as manager:
        session = await manager.create()
        answer = await ask(manager, session, words(1, 200))
        assert (answer.status, answer.failure.kind) == (Status.FAILED, "context_overflow")
        assert answer.failure.sentence == "The prompt is too long."
        assert "shorten the message" in answer.failure.hint
        assert len(agent.asked) == 2  # as it was, and shortened: there was nothing to leave
        again = await ask(manager, session, words(2, 200))
        assert again.status is Status.FAILED
        assert len(agent.asked) == 2 + 3
        assert [m.content for m in await manager.transcript(session.id)][::2] == [
            words(1, 200),
            words(2, 200),
        ]


async def test_the_person_sees_what_the_answer_waits_for():
    class Slow(Refusing):
        async def process(self, context):
            import asyncio

            self.asked.append(context)
            if len(self.asked) == 1:
                raise ContextOverflowError("too long", window_tokens=300)
            await asyncio.sleep(0.6)
            return AgentResponse(output="ok")

    async with SessionManager(Slow()) as manager:
        session = await manager.create()
        with manager.subscribe(session.id) as watcher:
            await ask(manager, session, words(1, 200))
            reasons = {e.waiting for e in await events_of(watcher) if isinstance(e, TurnProgressed)}
        assert any("too long" in reason for reason in reasons)


@pytest.mark.parametrize("mode", [CleanupMode.ASK, CleanupMode.OFF])
async def test_without_leave_nothing_leaves_but_the_window_is_learnt(mode):
    agent = Refusing(window=400, prompt=900)
    async with SessionManager(agent, cleanup_mode=mode) as manager:
        session = await manager.create()
        answer = await ask(manager, session, words(1, 100))
        assert answer.status is Status.FAILED
        assert "Clean up the window" in answer.failure.hint
        assert answer.receipt is None
        assert len(agent.asked) == 1
        usage = await manager.context_usage(session.id)
        assert (usage.window_tokens, usage.window_learnt) == (400, True)


async def test_a_refusal_after_text_has_come_is_no_reason_to_ask_again():
    from brim.core.events import TextDelta

    class Late(Refusing):
        async def process_stream(self, context):
            self.asked.append(context)
            yield TextDelta("half ")
            raise ContextOverflowError("too long", window_tokens=300)

    agent = Late()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        answer = await ask(manager, session, words(1, 100))
        assert (answer.status, answer.content) == (Status.FAILED, "half ")
        assert len(agent.asked) == 1
