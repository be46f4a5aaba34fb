import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brim.core.context import ContextUsage, Provenance
from brim.core.export import FORMATS, export, file_name
from brim.core.types import (
    CleanupReceipt,
    Failure,
    Message,
    PromptParts,
    Session,
    Status,
    Summary,
    ToolCall,
)
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
CONTEXT = ContextUsage(
    window_tokens=200_000,
    limit_tokens=200_000,
    system_tokens=1_200,
    summary_tokens=800,
    pinned_tokens=3_400,
    history_tokens=118_600,
    reply_reserve_tokens=4_096,
    turn_tokens=4_000,
    provenance=Provenance.REPORTED,
)
SUMMARY = Summary(
    text="Talk of ``` borrows.",
    tokens=812,
    replaced_tokens=50_000,
    model="openai:<mini>\x1b]0;x",
    cost_usd=Decimal("0.0012"),
    edited=True,
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


def test_the_gauge_is_in_every_format_with_its_marks():
    document = json.loads(export(SESSION, MESSAGES, "json", context=CONTEXT))["context"]
    assert (document["used_tokens"], document["window_tokens"], document["share"]) == (124_000, 200_000, 0.62)
    assert document["segments"] == {
        "system": 1_200,
        "summary": 800,
        "pinned": 3_400,
        "history": 118_600,
        "draft": 0,
        "reply_reserve": 4_096,
        "free": 71_904,
    }
    assert (document["level"], document["provenance"]) == ("green", "reported")
    # 90 % of 200,000 are 180,000: 56,000 more, which are 14 turns of 4,000
    assert document["forecast"]["tokens_to_cleanup"] == 56_000
    assert document["forecast"]["turns_to_cleanup"] == 14
    said = "124,000 of 200,000 tokens (62%)"
    assert f'context: "{said}"\ncontext_provenance: reported' in export(SESSION, [], "md", context=CONTEXT)
    assert f"Context: {said}\n" in export(SESSION, [], "txt", context=CONTEXT)


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (
            ContextUsage(window_tokens=None, limit_tokens=100_000, history_tokens=12_345),
            "~12,345 tokens of a",
        ),
        (
            ContextUsage(
                window_tokens=1_000,
                limit_tokens=1_000,
                history_tokens=1_500,
                provenance=Provenance.PENDING,
            ),
            "~1,500 … of 1,000 tokens (150%)",
        ),
    ],
)
def test_an_estimate_and_an_unknown_window_are_marked(usage, said):
    assert said in export(SESSION, [], "txt", context=usage)
    document = json.loads(export(SESSION, [], "json", context=usage))["context"]
    assert document["share"] == usage.share


def test_a_receipt_tells_all_that_happened():
    receipt = RECEIPT.model_copy(
        update={
            "reason": "too_long",
            "shortened_ids": ("c",),
            "summary": SUMMARY,
            "undone": True,
            "reached_target": False,
            "after_answer": True,
        }
    )
    message = Message(role="assistant", content="So.", created_at=AT, receipt=receipt)
    for form in ("md", "txt"):
        text = export(SESSION, [message], form)
        assert "Cleanup after this answer, because the provider found the prompt too long: 124,000" in text
        assert "1 message shortened. The target was not reached. Undone by you." in text
        assert "812 tokens in place of 50,000, $0.0012, edited by you." in text
        assert "Talk of ``` borrows." in text
        assert "\x1b" not in text
    assert "<mini>" not in export(SESSION, [message], "md")


def test_what_the_model_sees_of_a_message_is_said():
    messages = [
        Message(role="user", content="x" * 5_000, shortened_chars=1_200, created_at=AT),
        Message(role="user", content="y", left_out=True, in_window=False, created_at=AT),
        Message(role="assistant", content="z", cache_saved_usd=Decimal("0.0002"), created_at=AT),
    ]
    for form in ("md", "txt"):
        text = export(SESSION, messages, form)
        assert "the model sees 1,200 of 5,000 characters" in text
        assert "left out of the model's window by you" in text
        assert "no longer in the model's window" not in text
        assert "the cache saved $0.0002" in text


def test_the_timeline_has_a_column_a_turn():
    parts = PromptParts(system_tokens=10, pinned_tokens=5, history_tokens=85, window_tokens=2_048)
    receipt = RECEIPT.model_copy(update={"undone": True})
    messages = [
        Message(role="user", content="1"),
        Message(role="assistant", usage=Usage(input_tokens=40, cache_read_tokens=2), prompt_parts=parts),
        Message(role="user", content="2"),
        Message(role="assistant", status=Status.FAILED),
        Message(role="user", content="3"),
        Message(role="assistant", usage=Usage(input_tokens=7, estimated=True), receipt=receipt),
    ]
    first, last = json.loads(export(SESSION, messages, "json"))["timeline"]
    assert first["message_id"] == messages[1].id
    assert (first["turn"], first["total_tokens"], first["reported_tokens"]) == (1, 42, 42)
    assert first["segments"] == {"system": 10, "summary": 0, "pinned": 5, "history": 85}
    assert (first["window_tokens"], first["cleaned"]) == (2_048, None)
    assert (last["turn"], last["total_tokens"], last["reported_tokens"]) == (3, 7, None)
    assert CleanupReceipt.model_validate(last["cleaned"]) == receipt


def test_titles_and_models_cannot_act_nor_break_the_front_matter():
    bad = "a\n---\n# b\x1b]0;x\x07\u202e\x9b2J"
    session = SESSION.model_copy(update={"title": bad, "model": bad})
    message = Message(role="assistant", content="x", model=bad, created_at=AT)
    for form in ("md", "txt"):
        text = export(session, [message], form)
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)
        assert "\n# b" not in text
    assert export(session, [], "md").count("---\n") == 2
    document = json.loads(export(session, [message], "json"))
    assert document["session"]["title"] == bad


def test_totals_say_how_many_turns_are_priced_and_what_the_cache_saved():
    session = SESSION.model_copy(update={"cache_saved_usd": Decimal("-0.0004")})
    assert 'cache_saved_usd: "-0.0004"\npriced_turns: 1 of 2' in export(session, [], "md")
    assert "$0.00015 (1 of 2 turns priced), the cache saved $-0.0004" in export(session, [], "txt")
