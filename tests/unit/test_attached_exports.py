"""Files in exports: JSON carries them so that an import gives the same, HTML shows them, the others name them."""

import json
import os
from base64 import b64encode

import pytest

from brim.core.attaching import text_attachment
from brim.core.attachments import attachment
from brim.core.export import export
from brim.core.importing.items import Imported, Kind, Problem
from brim.core.importing.own import read
from brim.core.importing.taking import take_in
from brim.core.parameters import Parameters
from brim.core.sessions import SessionManager
from brim.core.store.sqlite import SQLiteStore
from brim.core.types import Carried, Message, QueuedPrompt, Session
from tests.support.agents import Gated
from tests.support.pictures import image

NOTES = text_attachment("no<b>tes.txt", "remember <script>alert(1)</script>")
DOT = attachment("dot.png", image(), kind="image", media_type="image/png", width_px=40, height_px=30)
FALSE = attachment("x.png", b"<svg onload='alert(1)'/>", kind="image", media_type="image/svg+xml")


def talk(*files):
    session = Session(title="T", head_id="b" * 16, persona="critic", parameters=Parameters(seed=3))
    messages = [
        Message(id="a" * 16, role="user", content="look", session_id=session.id, attachments=files),
        Message(
            id="b" * 16,
            role="assistant",
            content="seen",
            session_id=session.id,
            parent_id="a" * 16,
            carried=Carried(protocol="anthropic", model="m", items=({"type": "thinking", "signature": "s"},)),
        ),
    ]
    return session, messages


def test_formats_for_people_name_the_files():
    session, messages = talk(NOTES, DOT)
    for file_format, name in (("md", "no&lt;b>tes.txt"), ("txt", "no<b>tes.txt")):
        said = export(session, messages, file_format)
        assert f"File: {name} (text/plain, 34 bytes)" in said
        assert f"File: dot.png (image/png, 40×30, {DOT.size_bytes} bytes)" in said


def test_a_page_shows_images_and_holds_texts_and_nothing_in_it_acts():
    session, messages = talk(NOTES, DOT, FALSE)
    page = export(session, messages, "html")
    assert f'<img src="data:image/png;base64,{b64encode(DOT.data).decode()}" alt="dot.png">' in page
    assert "remember &lt;script&gt;" in page
    assert "<script" not in page and "<svg onload" not in page and "svg+xml;base64" not in page
    assert "no<b>tes" not in page
    messages[0].attachments = tuple(one.bare() for one in messages[0].attachments)
    assert "data:image/png;base64," not in export(session, messages, "html")


def test_reading_json_gives_the_same_session():
    session, messages = talk(NOTES, DOT)
    session.queued = (QueuedPrompt(text="next", attachments=(DOT,)), QueuedPrompt(text="plain"))
    (found,) = read(1, json.loads(export(session, messages, "json")))
    assert isinstance(found, Imported)
    assert (found.session, found.messages) == (session, messages)
    assert found.messages[0].attachments[1].data == DOT.data


def test_what_an_import_says_of_its_files_is_not_believed():
    session, messages = talk(NOTES, DOT, FALSE)
    document = json.loads(export(session, messages, "json"))
    notes, dot, _ = document["messages"][0]["attachments"]
    notes["id"] = DOT.id
    notes["size_bytes"] = 1
    dot["media_type"] = "text/html"
    problem, found = read(1, document)
    assert isinstance(problem, Problem) and "a file came without what was in it" in problem.why
    assert found.messages[0].attachments[:2] == (NOTES, DOT)
    assert found.messages[0].attachments[2].data == b""


@pytest.mark.parametrize("files", [3, "x", [3], [{"name": 3}], [{"data": "%%%"}], [{}] * 3])
def test_broken_files_in_an_import_are_told_and_nothing_raises(files):
    session, messages = talk(NOTES)
    document = json.loads(export(session, messages, "json"))
    document["messages"][0]["attachments"] = files
    told = list(read(1, document))
    assert any(isinstance(each, Problem) for each in told)


async def test_an_export_brought_into_another_store_is_whole(tmp_path):
    agent = Gated()
    agent.sees = frozenset({"image"})
    async with SessionManager(agent, store=SQLiteStore(tmp_path / "a.db")) as manager:
        session = await manager.create(title="Whole")
        turn = await manager.send(session.id, "look", attachments=[NOTES, DOT])
        await manager.send(session.id, "then", attachments=[DOT])
        for asked in ("look", "then"):
            agent.end(asked)
        del turn
        session = await manager.library.with_queue(await manager.session(session.id))
        messages = await manager.library.with_files(await manager.branches.tree(session.id))
        path = tmp_path / "whole.json"
        path.write_text(export(session, messages, "json"))
        agent.end(f"{messages[0].content}")
    store = SQLiteStore(tmp_path / "b.db")
    await store.open()
    report = await take_in(store, path, Kind.BRIM)
    assert (report.new, report.problems) == (1, 0)
    (again, *_) = await store.transcript(session.id)
    assert again.attachments == (NOTES.bare(), DOT.bare())
    (waiting,) = (await store.session(session.id)).queued
    assert waiting.attachments == (DOT.bare(),)
    assert await store.attachment_data([NOTES.id, DOT.id]) == {NOTES.id: NOTES.data, DOT.id: DOT.data}
    await store.aclose()


@pytest.mark.slow
async def test_a_session_with_many_large_images_comes_back_whole(tmp_path):
    large = [
        attachment(
            f"{n}.png",
            image() + os.urandom(19_000_000),
            kind="image",
            media_type="image/png",
            width_px=40,
            height_px=30,
        )
        for n in range(6)
    ]
    path = tmp_path / "large.json"
    path.write_text(export(*talk(*large), "json"))
    store = SQLiteStore(tmp_path / "a.db")
    await store.open()
    report = await take_in(store, path, Kind.BRIM)
    assert (report.new, report.problems) == (1, 0)
    assert await store.attachment_data([each.id for each in large]) == {each.id: each.data for each in large}
    await store.aclose()
