import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brim.core.export import FORMATS, export, file_name
from brim.core.types import CleanupReceipt, Failure, Message, Session, Status, ToolCall
from brim.core.usage import Usage

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SESSION = Session(
    id="0123456789abcdef",
    title='Borrow "checker": why? <b>',
    model="openai:gpt-4o",
    created_at=AT,
    updated_at=AT,
    messages=4,
    tokens=1234,
    cost_usd=Decimal("0.00015"),
    turns=2,
    priced_turns=1,
)
RECEIPT = CleanupReceipt(
    before_tokens=124_000, after_tokens=74_000, left_ids=("a", "b"), kept=5, pinned=1, reached_target=True
)
MESSAGES = [
    Message(
        id="a",
        role="user",
        content="Why?\n\n```rust\nlet y = x;\n```\n",
        tokens=7,
        created_at=AT,
        in_window=False,
    ),
    Message(
        id="b",
        parent_id="a",
        role="assistant",
        content="Because [/foo] \x1b[31m.",
        reasoning="Let me ``` think",
        tool_calls=(ToolCall(id="1", name="</summary><script>", arguments="{}", result="````"),),
        model="openai:gpt-4o",
        tokens=5,
        tokens_estimated=False,
        created_at=AT,
        usage=Usage(input_tokens=7, output_tokens=5),
        cost_usd=Decimal("0.00015"),
        pinned=True,
    ),
    Message(id="c", parent_id="b", role="user", content="Go on", created_at=AT),
    Message(
        id="d",
        parent_id="c",
        role="assistant",
        content="Half an",
        status=Status.FAILED,
        failure=Failure(kind="connection", sentence="The connection was cut."),
        model="openai:gpt-4o",
        created_at=AT,
        receipt=RECEIPT,
    ),
]


def test_markdown():
    text = export(SESSION, MESSAGES, "md")
    front = text.split("---\n")[1]
    assert 'title: "Borrow \\"checker\\": why? <b>"' in front
    assert 'cost_usd: "0.00015"' in front
    assert "priced_turns: 1 of 2" in front
    assert "```rust\nlet y = x;\n```" in text
    assert "*2026-03-04 05:06:07 UTC · ~7 tokens · no longer in the model's window*" in text
    assert "· 5 tokens · $0.00015 · pinned*" in text
    assert "> **Failed: The connection was cut.**" in text
    assert "124,000 → 74,000 tokens, 2 messages left the window, 5 kept, 1 pinned" in text
    assert text.index("Cleanup before") < text.index("Half an")
    assert "<script>" not in text
    assert "\n`````\n````\n`````\n" in text


def test_text():
    text = export(SESSION, MESSAGES, "txt")
    assert text.startswith(
        'Borrow "checker": why? <b>\nSession 0123456789abcdef, 2026-03-04 05:06:07 UTC, openai:gpt-4o'
    )
    assert "You · 2026-03-04 05:06:07 UTC" in text
    assert "[Reasoning]\nLet me ``` think" in text
    assert "Half an\n[Failed: The connection was cut.]" in text


@pytest.mark.parametrize("status", [Status.STOPPED, Status.INTERRUPTED, Status.STREAMING])
@pytest.mark.parametrize("form", ["md", "txt"])
def test_what_is_not_complete_says_so(status, form):
    text = export(SESSION, [Message(role="assistant", content="Half", status=status)], form)
    assert re.search(r"Stopped here|Interrupted here|Not complete: streaming", text)


def test_json_holds_everything():
    document = json.loads(export(SESSION, MESSAGES, "json"))
    assert (document["format"], document["version"]) == ("brim.session", 1)
    assert Session.model_validate(document["session"]) == SESSION
    assert [Message.model_validate(m) for m in document["messages"]] == MESSAGES
    assert document["session"]["cost_usd"] == "0.00015"


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_session(form):
    assert "New session" in export(Session(), [], form) or form == "json"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Borrow checker: why?", "borrow-checker-why-01234567.md"),
        ("../../etc/passwd", "etc-passwd-01234567.md"),
        ("CON", "con-01234567.md"),
        ("", "session-01234567.md"),
        ("...", "session-01234567.md"),
        ("日本語 の 題名", "日本語-の-題名-01234567.md"),
        ("a\x00b\n/c", "a-b-c-01234567.md"),
    ],
)
def test_file_names_are_safe(title, name):
    assert file_name(Session(id="0123456789abcdef", title=title), "md") == name


def test_a_long_name_is_cut():
    assert len(file_name(Session(title="語" * 500), "json").encode()) <= 255
