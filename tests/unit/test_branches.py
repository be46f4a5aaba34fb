"""Branches: prompts asked differently, answers made anew, going between them, and forks."""

from __future__ import annotations

from pathlib import Path

import pytest

from brim.core.agent import OneAgent
from brim.core.errors import BrimError
from brim.core.events import BranchShown
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import AgentContext, AgentResponse, Status
from tests.support.agents import Gated, Plain


async def _chat(manager: SessionManager, *texts: str) -> str:
    session = await manager.create()
    for text in texts:
        answer = await (await manager.send(session.id, text)).wait()
        assert answer.status is Status.COMPLETE
    return session.id


async def _texts(manager: SessionManager, session_id: str) -> list[str]:
    return [message.content for message in await manager.transcript(session_id)]


async def test_an_edited_prompt_stands_beside_the_old_one(tmp_path: Path):
    async with SessionManager(Plain(), store=SQLiteStore(tmp_path / "b.db")) as manager:
        session_id = await _chat(manager, "one", "two", "three")
        before = await manager.transcript(session_id)
        await (await manager.branches.edit(before[2].id, "zwei")).wait()
        assert [m.content for m in (await manager.transcript(session_id))[:3]] == [
            "one",
            before[1].content,
            "zwei",
        ]
        assert len(await manager.transcript(session_id)) == 4
        places = await manager.branches.siblings(session_id)
        edited = (await manager.transcript(session_id))[2]
        assert places == {before[2].id: (before[2].id, edited.id), edited.id: (before[2].id, edited.id)}
        # Nothing of the old branch is gone.
        assert {m.id for m in before} <= {m.id for m in await manager.branches.tree(session_id)}


async def test_the_first_prompt_can_be_edited_too():
    async with SessionManager(Plain()) as manager:
        session_id = await _chat(manager, "one")
        first = (await manager.transcript(session_id))[0]
        await (await manager.branches.edit(first.id, "uno")).wait()
        assert (await _texts(manager, session_id))[0] == "uno"
        assert len((await manager.branches.siblings(session_id))[first.id]) == 2


async def test_an_earlier_answer_is_made_anew_and_its_branch_can_be_shown_again():
    async with SessionManager(Plain()) as manager:
        session_id = await _chat(manager, "one", "two")
        before = await manager.transcript(session_id)
        whole = await manager.context_usage(session_id)
        await (await manager.branches.regenerate(before[1].id)).wait()
        shown = await manager.transcript(session_id)
        assert [m.id for m in shown][:1] == [before[0].id]
        assert len(shown) == 2 and shown[1].id != before[1].id
        with manager.subscribe(session_id) as watcher:
            await manager.branches.show(before[1].id)
            batch = await anext(watcher.batches())
        assert any(isinstance(event, BranchShown) for event in batch)
        assert [m.id for m in await manager.transcript(session_id)] == [m.id for m in before]
        assert (await manager.context_usage(session_id)).used_tokens == whole.used_tokens


async def test_where_asking_is_refused_the_branch_shown_stays():
    async with SessionManager(Plain()) as manager:
        session_id = await _chat(manager, "one", "two")
        before = await manager.transcript(session_id)
        with pytest.raises(ValueError, match="nothing to send"):
            await manager.branches.edit(before[0].id, "  ")
        with pytest.raises(BrimError, match="Only prompts"):
            await manager.branches.edit(before[1].id, "x")
        assert [m.id for m in await manager.transcript(session_id)] == [m.id for m in before]


class _Counting(Plain):
    async def process(self, context: AgentContext) -> AgentResponse:
        return AgentResponse(output=f"{len(context.conversation_history)} before {context.input}")


async def test_the_model_sees_the_branch_that_is_shown():
    async with SessionManager(_Counting()) as manager:
        session_id = await _chat(manager, "one", "two", "three")
        before = await manager.transcript(session_id)
        answer = await (await manager.branches.edit(before[2].id, "zwei")).wait()
        assert answer.content == "2 before zwei"


async def test_a_fork_is_a_session_of_its_own(tmp_path: Path):
    async with SessionManager(Plain(), store=SQLiteStore(tmp_path / "b.db")) as manager:
        session_id = await _chat(manager, "one", "two")
        before = await manager.transcript(session_id)
        fork = await manager.branches.fork(before[1].id)
        assert await _texts(manager, fork.id) == [before[0].content, before[1].content]
        assert (fork.messages, fork.turns, fork.forked_from) == (2, 0, before[1].id)
        assert fork.window_tokens == sum(m.tokens or 0 for m in before[:2])
        await (await manager.send(fork.id, "elsewhere")).wait()
        assert [m.id for m in await manager.transcript(session_id)] == [m.id for m in before]
        assert not {m.id for m in before} & {m.id for m in await manager.transcript(fork.id)}


async def test_a_tree_has_parents_before_children():
    async with SessionManager(Plain()) as manager:
        session_id = await _chat(manager, "one", "two")
        first = (await manager.transcript(session_id))[0]
        await (await manager.branches.edit(first.id, "uno")).wait()
        seen: set[str] = set()
        tree = await manager.branches.tree(session_id)
        for message in tree:
            assert message.parent_id is None or message.parent_id in seen
            seen.add(message.id)
        assert len(tree) == 6


async def test_a_branch_is_shown_where_one_was_in_it_last():
    async with SessionManager(Plain()) as manager:
        session_id = await _chat(manager, "one", "two")
        first, _, second, _ = await manager.transcript(session_id)
        await (await manager.branches.edit(second.id, "zwei")).wait()
        newest = await manager.transcript(session_id)
        await manager.branches.show(second.id)
        where_one_was = await manager.transcript(session_id)
        assert newest != where_one_was
        await (await manager.branches.edit(first.id, "uno")).wait()
        await manager.branches.show(first.id)
        assert await manager.transcript(session_id) == where_one_was
        await manager.branches.show(newest[2].id)
        await (await manager.send(session_id, "three")).wait()
        longer = await _texts(manager, session_id)
        await manager.branches.show((await manager.branches.siblings(session_id))[first.id][1])
        await manager.branches.show(first.id)
        assert await _texts(manager, session_id) == longer


async def test_while_another_brim_answers_no_other_branch_is_shown(tmp_path: Path):
    agent, path = Gated(), tmp_path / "b.db"
    async with (
        SessionManager(OneAgent(agent), store=SQLiteStore(path)) as here,
        SessionManager(Plain(), store=SQLiteStore(path)) as there,
    ):
        session_id = await _chat(there, "one")
        prompt, answer = await there.transcript(session_id)
        await (await there.branches.regenerate(answer.id)).wait()
        turn = await here.send(session_id, "two")
        shown = await there.transcript(session_id)
        for forbidden in (
            there.branches.show(answer.id),
            there.branches.regenerate(answer.id),
            there.branches.edit(prompt.id, "uno"),
        ):
            with pytest.raises(BrimError, match="Another brim is writing"):
                await forbidden
        assert [m.id for m in await there.transcript(session_id)] == [m.id for m in shown]
        agent.end("two")
        await turn.wait()
        await there.branches.show(answer.id)
        assert [m.id for m in await here.transcript(session_id)] == [prompt.id, answer.id]
