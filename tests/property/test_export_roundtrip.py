import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from brim.core.export import export
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

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
count = st.integers(0, 10**9)
money = st.decimals(0, 10_000, places=9).map(Decimal.normalize)
seconds = st.none() | st.floats(0, 1e6, allow_nan=False)
usages = st.builds(
    Usage,
    input_tokens=count,
    cache_read_tokens=count,
    cache_write_tokens=count,
    output_tokens=count,
    estimated=st.booleans(),
)
messages = st.builds(
    Message,
    role=st.sampled_from(["user", "assistant", "system", "tool"]),
    content=text,
    tokens=st.none() | count,
    tokens_estimated=st.booleans(),
    status=st.sampled_from(Status),
    reasoning=text,
    tool_calls=st.lists(
        st.builds(
            ToolCall,
            id=text,
            name=text,
            arguments=text,
            result=st.none() | text,
            is_error=st.booleans(),
            at=count,
        ),
        max_size=2,
    ).map(tuple),
    model=st.none() | text,
    usage=st.none() | usages,
    cost_usd=st.none() | money,
    first_token_s=seconds,
    duration_s=seconds,
    failure=st.none() | st.builds(Failure, kind=text, sentence=text, retry_after_s=seconds),
    pinned=st.booleans(),
    in_window=st.booleans(),
    receipt=st.none()
    | st.builds(
        CleanupReceipt,
        before_tokens=count,
        after_tokens=count,
        left_ids=st.lists(text, max_size=3).map(tuple),
        kept=count,
        pinned=count,
        reached_target=st.booleans(),
        reason=st.sampled_from(["threshold", "asked", "too_long"]),
        shortened_ids=st.lists(text, max_size=2).map(tuple),
        summary=st.none()
        | st.builds(
            Summary,
            text=text,
            tokens=count,
            replaced_tokens=count,
            model=text,
            cost_usd=st.none() | money,
            edited=st.booleans(),
        ),
        undone=st.booleans(),
    ),
    left_out=st.booleans(),
    shortened_chars=st.none() | count,
    prompt_parts=st.none() | st.builds(PromptParts, system_tokens=count, history_tokens=count),
    cache_saved_usd=st.none() | money | money.map(lambda amount: -amount),
)


@given(
    session=st.builds(Session, title=text, draft=text, cost_usd=money), said=st.lists(messages, max_size=4)
)
def test_json_read_back_is_what_was_written(session, said):
    document = json.loads(export(session, said, "json"))
    assert Session.model_validate(document["session"]) == session
    assert [Message.model_validate(message) for message in document["messages"]] == said


@given(said=st.lists(messages, max_size=4))
def test_every_text_stands_in_the_files_for_people(said):
    for form in ("md", "txt"):
        written = export(Session(), said, form)
        for message in said:
            assert message.content.rstrip("\n") in written
            assert message.reasoning in written
