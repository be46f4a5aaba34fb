"""Files in turns: asked again, edited, queued, cleaned away, summed up and shortened they stay whole."""

import pytest

from brim.core.attaching import AttachmentError, text_attachment
from brim.core.attachments import attachment
from brim.core.errors import ContextOverflowError
from brim.core.sessions import SessionManager
from brim.core.types import AgentResponse
from tests.support.agents import Gated, Plain
from tests.support.pictures import image

NOTES = text_attachment("notes.txt", "remember the milk")
DOT = attachment("dot.png", image(), kind="image", media_type="image/png", width_px=40, height_px=30)


class Seeing(Plain):
    sees = frozenset({"image"})


async def ask(manager, session, text, *files):
    turn = await manager.send(session.id, text, attachments=files)
    return await turn.wait()


async def test_what_was_attached_is_asked_again_by_retry_and_regenerate():
    agent = Seeing()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        answer = await ask(manager, session, "look", NOTES, DOT)
        await (await manager.retry(session.id)).wait()
        await (await manager.branches.regenerate(answer.id)).wait()
        for asked in agent.asked:
            assert "remember the milk" in asked.input
            assert [one.data for one in asked.attachments if one.kind == "image"] == [DOT.data]
        assert len(agent.asked) == 3


async def test_an_edited_prompt_keeps_its_files_unless_others_are_given():
    agent = Seeing()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        await ask(manager, session, "look", NOTES, DOT)
        (prompt, _) = await manager.transcript(session.id)
        await (await manager.branches.edit(prompt.id, "look again")).wait()
        assert "remember the milk" in agent.asked[-1].input
        await (await manager.branches.edit(prompt.id, "forget it", attachments=())).wait()
        assert agent.asked[-1].input == "forget it"
        assert not agent.asked[-1].attachments


async def test_a_queued_prompt_keeps_its_files_and_gives_them_back():
    agent = Gated()
    agent.sees = frozenset({"image"})
    async with SessionManager(agent) as manager:
        session = await manager.create()
        await manager.send(session.id, "one")
        await manager.send(session.id, "two", attachments=[NOTES, DOT])
        (queued,) = await manager.take_back_queue(session.id)
        assert [one.data for one in queued.attachments] == [NOTES.data, DOT.data]
        agent.end("one")


async def test_images_are_refused_before_sending_where_the_model_sees_none():
    async with SessionManager(Plain()) as manager:
        session = await manager.create(model="some:model")
        with pytest.raises(AttachmentError, match="some:model sees no images"):
            await manager.send(session.id, "look", attachments=[DOT])
        assert await manager.transcript(session.id) == []
        await ask(manager, session, "read", NOTES)


async def test_a_model_that_sees_nothing_is_not_asked_again_about_an_image():
    agent = Seeing()
    async with SessionManager(agent) as manager:
        session = await manager.create()
        await ask(manager, session, "look", DOT)
        agent.sees = frozenset()
        with pytest.raises(AttachmentError, match="sees no images"):
            await manager.retry(session.id)


class Strict(Plain):
    """Refuses prompts that are longer than ``most`` characters."""

    most = 5_000

    async def process(self, context):
        self.asked.append(context)
        if len(context.input) > self.most:
            raise ContextOverflowError("too long", prompt_tokens=len(context.input) // 4, window_tokens=2_000)
        return AgentResponse(output="An answer.")


async def test_a_long_file_is_shortened_with_its_prompt_and_comes_back_whole():
    agent = Strict()
    long = text_attachment("long.txt", "begin " + "word " * 1_500 + "end")
    async with SessionManager(agent, context_window_size=2_500) as manager:
        session = await manager.create()
        answer = await ask(manager, session, "read this", long)
        assert answer.content == "An answer."
        assert "characters left out" in agent.asked[-1].input
        (prompt, _) = await manager.transcript(session.id)
        assert prompt.shortened_chars > 1_000
        before = prompt.tokens
        whole = await manager.bring_back(prompt.id)
        assert whole.shortened_chars is None
        assert whole.tokens > 1_400 > before


class Summing(Plain):
    async def process(self, context):
        self.asked.append(context)
        return AgentResponse(output="notes" if "notes anew" in context.input else "ok")


async def test_a_summary_is_written_of_the_files_too():
    agent = Summing()
    agent.sees = frozenset({"image"})
    async with SessionManager(
        agent, context_window_size=4_000, min_messages_to_keep=1, summary_model="same"
    ) as manager:
        session = await manager.create()
        long = text_attachment("long.txt", "the secret is 42. " + "word " * 1_600)
        await ask(manager, session, "read this", long, DOT)
        await ask(manager, session, "more " * 900)
        await manager.clean_up(session.id)
        summing = next(asked for asked in agent.asked if "notes anew" in asked.input)
        assert "the secret is 42" in summing.input
        assert "[image dot.png]" in summing.input


async def test_messages_come_with_their_files_where_they_are_needed():
    async with SessionManager(Plain()) as manager:
        session = await manager.create()
        await ask(manager, session, "read", NOTES)
        messages = await manager.transcript(session.id)
        assert messages[0].attachments[0].data == b""
        full = await manager.library.with_files(messages)
        assert full[0].attachments == (NOTES,)
        assert full[1] is messages[1]
