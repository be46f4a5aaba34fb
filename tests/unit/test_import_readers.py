"""Each kind of archive, with its branches, its odd items and its lies."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from brim.core.importing import Imported, ImportFormatError, Kind, Problem, detect, read
from brim.core.types import Status
from brim.core.usage import Usage
from tests.support.archives import AT, chatgpt, claude, llm_log, node, write, zipped

THEN = datetime.fromtimestamp(AT, UTC)


def _all(path, kind=None):
    found = list(read(path, kind or detect(path)))
    return [each for each in found if isinstance(each, Imported)], [
        each for each in found if isinstance(each, Problem)
    ]


def _one(path):
    (imported,), problems = _all(path)
    assert problems == []
    return imported.session, imported.messages


def _path(session, messages):
    by_id = {message.id: message for message in messages}
    path, at = [], session.head_id
    while at:
        path.insert(0, by_id[at])
        at = by_id[at].parent_id
    return path


# --- ChatGPT ------------------------------------------------------------------------------------------


def test_chatgpt_branches_models_and_times():
    session, messages = _one(write("conversations.json", [chatgpt(is_archived=True)]))
    assert (session.title, session.model, session.archived) == ("Whys", "openai:gpt-4o", True)
    assert (session.created_at, session.updated_at) == (THEN, THEN + timedelta(seconds=9))
    assert [(m.role, m.content, m.model) for m in messages] == [
        ("user", "Why?", None),
        ("assistant", "Second answer", "openai:gpt-4o"),
        ("assistant", "First answer", "openai:gpt-4"),
    ]
    question = messages[0]
    assert [m.parent_id for m in messages] == [None, question.id, question.id]
    assert session.head_id == messages[1].id
    assert [m.created_at - THEN for m in messages] == [timedelta(seconds=s) for s in (0, 2, 1)]
    assert all(m.tokens and m.tokens_estimated and m.in_window and m.usage is None for m in messages)


def test_an_answer_in_pieces_is_one_message():
    mapping = {
        "q": node(None, "user", "Two plus two?", at=AT),
        "t": node(
            "q", "assistant", {"content_type": "thoughts", "thoughts": [{"summary": "Add", "content": "2+2"}]}
        ),
        "r": node("t", "assistant", {"content_type": "reasoning_recap", "content": "Thought for 2s"}),
        "i": node("r", "assistant", "Let me see."),
        "c": node("i", "assistant", {"content_type": "code", "text": "print(2+2)"}, recipient="python"),
        "o": node("c", "tool", {"content_type": "execution_output", "text": "4"}, name="python"),
        "e": node("o", "tool", {"content_type": "system_error", "name": "Boom", "text": "bad"}, name="web"),
        "a": node("e", "assistant", "It is 4.", metadata={"finish_details": {"type": "stop"}}),
    }
    session, messages = _one(write("x.json", [chatgpt(mapping)]))
    question, answer = messages
    assert answer.content == "Let me see.\n\nIt is 4."
    assert answer.reasoning == "Add\n2+2\n\nThought for 2s"
    assert [(c.name, c.arguments, c.result, c.is_error, c.at) for c in answer.tool_calls] == [
        ("python", "print(2+2)", "4", False, 11),
        ("web", "", "bad", True, 11),
    ]
    assert (answer.finish_reason, answer.parent_id, session.head_id) == ("stop", question.id, answer.id)


def test_a_branch_in_the_middle_of_an_answer_stays_a_branch():
    mapping = {
        "q": node(None, "user", "Q", at=AT),
        "i": node("q", "assistant", "Begin", at=AT + 1),
        "x": node("i", "assistant", "One end", at=AT + 2),
        "y": node("i", "assistant", "Other end", at=AT + 3),
    }
    session, messages = _one(write("x.json", [chatgpt(mapping, current_node="x")]))
    assert [m.content for m in _path(session, messages)] == ["Q", "Begin", "One end"]
    assert messages[3].content == "Other end"
    assert messages[3].parent_id == messages[1].id


def test_hidden_messages_instructions_and_parts_that_are_no_text():
    image = {
        "content_type": "image_asset_pointer",
        "asset_pointer": "file-service://f1",
        "width": 4,
        "height": 3,
    }
    mapping = {
        "s": node(None, "system", "", metadata={"is_visually_hidden_from_conversation": True}),
        "u": node(
            "s",
            "user",
            {
                "content_type": "user_editable_context",
                "user_profile": "I am Ada.",
                "user_instructions": "Be brief.",
            },
            metadata={"is_visually_hidden_from_conversation": True},
        ),
        "q": node(
            "u",
            "user",
            {
                "content_type": "multimodal_text",
                "parts": [
                    image,
                    {"content_type": "audio_transcription", "text": "spoken"},
                    {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://a"},
                    {"content_type": "novelty"},
                    None,
                    "Look",
                ],
            },
            metadata={"attachments": [{"name": "notes.md"}, {"id": "?"}]},
        ),
        "n": node(
            "q",
            "tool",
            {"content_type": "tether_quote", "title": "T", "url": "https://t", "text": "said"},
            name="browser",
        ),
        "a": node(
            "n",
            "assistant",
            "See \ue200cite\ue202turn0\ue201 and \ue200nav\ue202x\ue201.",
            metadata={
                "content_references": [
                    {"matched_text": "\ue200cite\ue202turn0\ue201", "alt": "([t](https://t))"}
                ]
            },
        ),
        "k": node("a", "assistant", {"content_type": "code", "language": "python", "text": "x = '```'"}),
    }
    session, messages = _one(write("x.json", [chatgpt(mapping)]))
    assert session.system_prompt == "I am Ada.\n\nBe brief."
    question, answer = messages
    assert question.content == (
        "[Image: file-service://f1, 4×3]\nspoken\n[Audio: sediment://a]\n[novelty]\nLook\n\n"
        "[Attachment: notes.md]\n\n[Attachment: a file]"
    )
    assert answer.tool_calls[0].result == "T\nhttps://t\nsaid"
    assert answer.content == "See ([t](https://t)) and .\n\n````python\nx = '```'\n````"


def test_chatgpt_odd_trees_lose_nothing_that_can_be_reached():
    mapping = {
        "q": node("nowhere", "user", "Q", at=AT),
        "a": node("q", "assistant", "A", at=None),
        "empty": node("a", "user", "  "),
        "z": node("empty", "assistant", {"content_type": "strange", "data": 1}, status="in_progress"),
        "bad": "not a node",
        "odd": {"parent": 5, "message": {"content": [], "author": None, "metadata": 3, "create_time": "x"}},
        "c1": node("c2", "user", "in a circle"),
        "c2": node("c1", "assistant", "too"),
    }
    (imported,), problems = _all(
        write("x.json", [chatgpt(mapping, title=None, current_node="gone", create_time=1e300)])
    )
    messages = imported.messages
    assert [m.content for m in messages] == ["Q", "A", "[strange]"]
    assert messages[1].created_at == THEN
    assert messages[2].status is Status.INTERRUPTED
    assert messages[2].parent_id == messages[1].id
    assert imported.session.created_at == THEN
    assert sorted(problem.why for problem in problems) == [
        "2 of its nodes hang together in a circle",
        "a message of the kind “strange” has no text",
    ]


def test_ids_are_the_same_each_time_and_others_for_others():
    first = _one(write("x.json", [chatgpt()]))
    again = _one(write("y.json", [chatgpt(title="renamed")]))
    other = _one(write("z.json", [chatgpt(conversation_id="c-2")]))
    assert first[0].id == again[0].id != other[0].id
    assert [m.id for m in first[1]] == [m.id for m in again[1]]
    assert not {m.id for m in first[1]} & {m.id for m in other[1]}
    assert len(first[0].id) == 16


# --- Claude -------------------------------------------------------------------------------------------


def test_claude_plain():
    session, messages = _one(write("x.json", [claude()]))
    assert (session.title, session.model) == ("Hows", None)
    assert [(m.role, m.content) for m in messages] == [("user", "How?"), ("assistant", "So.")]
    assert messages[0].created_at == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert session.updated_at == datetime(2026, 1, 2, 4, tzinfo=UTC)
    assert messages[1].parent_id == messages[0].id


def test_claude_blocks_attachments_and_branches():
    root = "00000000-0000-4000-8000-000000000000"
    question = {
        "uuid": "q",
        "sender": "human",
        "text": "",
        "content": [],
        "parent_message_uuid": root,
        "attachments": [{"file_name": "", "extracted_content": "pasted ``` here"}, {"file_name": "a.txt"}],
        "files": [{"file_name": "a.txt"}, {"file_name": "p.png"}],
    }
    answer = {
        "uuid": "a",
        "sender": "assistant",
        "parent_message_uuid": "q",
        "created_at": "2026-01-02T03:05:00Z",
        "text": "not this",
        "content": [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "t1", "name": "search", "input": {"q": "ä"}},
            {"type": "tool_use", "id": "t2", "name": "fetch", "input": {}},
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "found"}, 5]},
            {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": True},
            {"type": "token_budget"},
            {"type": "novelty"},
            {"type": "text", "text": "Done."},
        ],
    }
    other = {
        "uuid": "b",
        "sender": "assistant",
        "parent_message_uuid": "q",
        "text": "Else.",
        "created_at": "2026-01-02T03:04:30Z",
    }
    path = write(
        "x.json", [claude([question, answer, other], current_leaf_message_uuid="a", is_starred=True)]
    )
    session, messages = _one(path)
    assert session.pinned
    assert messages[0].content == (
        "[Attachment: pasted text]\n\n````\npasted ``` here\n````\n\n[Attachment: a.txt]\n\n[Attachment: p.png]"
    )
    shown = _path(session, messages)
    assert shown[1].content == "Let me look.\n\n[novelty]\n\nDone."
    assert shown[1].reasoning == "Hm."
    assert [(c.id, c.name, c.arguments, c.result, c.is_error, c.at) for c in shown[1].tool_calls] == [
        ("t1", "search", '{"q": "ä"}', "found", False, 12),
        ("t2", "fetch", "{}", "no", True, 12),
    ]
    assert [m.content for m in messages[2:]] == ["Else."]


def test_claude_odd_items():
    found, problems = _all(
        write(
            "x.json",
            [claude([5, {"sender": "human"}], uuid="e"), claude([None, {"text": "ok"}], uuid="f", name=3)],
        )
    )
    assert [[m.content for m in each.messages] for each in found] == [["ok"]]
    assert [problem.why for problem in problems] == [
        "1 of its messages are no messages",
        "it holds no messages",
        "1 of its messages are no messages",
    ]


# --- llm ----------------------------------------------------------------------------------------------


def test_llm_log():
    found, problems = _all(llm_log("logs.db"))
    assert problems == []
    pelicans, weather, alone = (
        next(each for each in found if each.session.title == title) for title in ("Pelicans", "Weather", "")
    )
    session, messages = pelicans.session, pelicans.messages
    assert (session.model, session.system_prompt) == ("openai:gpt-4o-mini", "Be brief.")
    assert [(m.role, m.content) for m in messages] == [
        ("user", "Names?\n\n[Attachment: image/png, /tmp/p.png]"),
        ("assistant", "Pelly."),
        ("user", "A long text.\n\nMore?"),
        ("assistant", "Polly."),
    ]
    assert messages[1].usage == Usage(
        input_tokens=6, cache_read_tokens=4, output_tokens=3, reasoning_tokens=1
    )
    assert (messages[1].duration_s, messages[1].cost_usd) == (1.5, None)
    assert (session.tokens, session.turns, session.priced_turns) == (37, 2, 0)
    assert session.head_id == messages[-1].id
    assert session.updated_at == datetime(2026, 1, 1, 10, 1, tzinfo=UTC)
    (asked, answer) = weather.messages
    assert (asked.content, answer.content, answer.model) == (
        "Rain?",
        "Looking.\n\nIt rains.",
        "anthropic:claude-sonnet-4-0",
    )
    assert [(c.name, c.arguments, c.result) for c in answer.tool_calls] == [
        ("weather", '{"in": "Lisbon"}', "wet")
    ]
    assert answer.usage == Usage(input_tokens=16, output_tokens=7)
    assert [m.content for m in alone.messages] == ["Alone?", "Yes."]


def test_a_database_that_is_torn_is_told():
    path = llm_log("logs.db")
    data = bytearray(path.read_bytes())
    data[-9000:] = b"\xaa" * 9000
    path.write_bytes(data)
    _, problems = _all(path, Kind.LLM)
    assert problems
    assert "cannot be read" in problems[-1].why


# --- archives -----------------------------------------------------------------------------------------


def test_zips_and_folders():
    both = zipped(
        "export.zip",
        {
            "in/conversations-000": [chatgpt()],
            "in/conversations-001": [chatgpt(conversation_id="c-2"), 5],
            "in/user": {"id": 1},
            "__MACOSX/conversations": "junk",
        },
    )
    assert detect(both) is Kind.CHATGPT
    found, problems = _all(both)
    assert [each.where for each in found] == [
        "in/conversations-000.json: conversation 1 “Whys”",
        "in/conversations-001.json: conversation 1 “Whys”",
    ]
    assert [(p.where, p.why) for p in problems] == [
        ("in/conversations-001.json: item 2", "it is no conversation")
    ]
    folder = write("conversations.json", [claude()]).parent
    write("users.json", [{}])
    assert detect(folder) is Kind.CLAUDE
    assert len(_all(folder)[0]) == 1


def test_a_torn_zip_keeps_what_could_be_read():
    many = [
        chatgpt(conversation_id=f"c-{n}", title=f"{n} " + "".join(chr(33 + (n * k) % 90) for k in range(50)))
        for n in range(3000)
    ]
    path = zipped("export.zip", {"conversations": many})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    found, problems = _all(path, Kind.CHATGPT)
    assert found
    assert problems


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", "no json at all", '[{"a": 1}]', '{"mapping": 5}', "\x00\x01\x02"]
)
def test_what_is_no_archive_is_refused(content):
    path = write("x.json", content)
    with pytest.raises(ImportFormatError):
        detect(path)


def test_files_of_another_kind_are_refused():
    import sqlite3
    from contextlib import closing
    from pathlib import Path

    with closing(sqlite3.connect("other.db")) as file, file:
        file.execute("CREATE TABLE t (x)")
    with pytest.raises(ImportFormatError, match="no log of llm"):
        detect(Path("other.db"))
    with pytest.raises(ImportFormatError):
        list(read(Path("other.db"), Kind.LLM))
    with pytest.raises(ImportFormatError, match="not of the kind"):
        list(read(Path("other.db"), Kind.CLAUDE))
    with pytest.raises(ImportFormatError, match="cannot be read"):
        detect(Path("nowhere"))
    path = write("x.json", [claude()])
    with pytest.raises(ImportFormatError):
        list(read(path, Kind.LLM))
    assert [each.why for each in read(path, Kind.CHATGPT)] == ["it is no conversation"]


def test_a_broken_item_in_the_middle_costs_only_itself():
    items = [json.dumps(chatgpt(conversation_id=f"c-{n}", title=f"T{n}")) for n in range(5)]
    items[2] = items[2].replace('"Why?"', '"Wh"y?"')
    found, problems = _all(write("x.json", "[" + ", ".join(items) + "]"))
    assert [each.session.title for each in found] == ["T0", "T1", "T3", "T4"]
    assert [problem.where for problem in problems] == ["item 3"]


def test_huge_texts():
    mapping = {
        "q": node(None, "user", "x" * 5_000_000, at=AT),
        "a": node("q", "assistant", '"\\' * 500_000, at=AT),
    }
    _, messages = _one(write("x.json", [chatgpt(mapping)]))
    assert [len(m.content) for m in messages] == [5_000_000, 1_000_000]
