"""What is sent of any window, whatever was left out of it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from brim.core.types import AgentConfig, Message, Session, ToolCall
from brim.core.window import SUMMARY_OPENING, build_context, sent_with, shortened, shown
from brim.providers.prompts import alternating, prompt_of

kinds = st.lists(st.sampled_from(["user", "assistant", "calls", "tool", "failed"]), max_size=25)


def path_of(kinds):
    """A conversation of these kinds of messages, each the child of the one before, ending in a question."""
    path, parent = [], None
    for number, kind in enumerate([*kinds, "user"]):
        message = Message(
            role="assistant" if kind in ("calls", "failed") else kind,
            content="" if kind in ("failed", "calls") else f"text {number}",
            tool_calls=(ToolCall(id=f"c{number}", name="look"),) if kind == "calls" else (),
            tokens=1,
            parent_id=parent,
        )
        path.append(message)
        parent = message.id
    return path


@given(kinds=kinds, seed=st.randoms(use_true_random=False), summary=st.sampled_from(["", "Notes."]))
def test_any_window_makes_a_request_that_providers_accept(kinds, seed, summary):
    path = path_of(kinds)
    window = [message for message in path[:-1] if seed.random() < 0.7] + path[-1:]
    sent = sent_with(window, path[-1])
    assert sent[-1] is path[-1]
    assert [m for m in window if m in sent] == sent
    there = {message.id for message in sent}
    for message in sent:
        if message.role == "tool":
            assert message.parent_id in there
    for message in window:
        if message not in sent:
            assert message.role == "tool" or not message.content

    context = build_context(Session(system_prompt="Be brief."), sent, summary)
    assert context.conversation_history[0].content == "Be brief."
    assert any(SUMMARY_OPENING in m.content for m in context.conversation_history) is bool(summary)
    prompt = prompt_of(context, AgentConfig())
    turns = list(alternating(prompt.turns))
    assert turns[0].role == "user"
    assert turns[-1].text.endswith(path[-1].content)
    assert all(one.role != other.role for one, other in pairwise(turns))


@given(kinds=kinds)
def test_answers_that_follow_the_prompt_are_not_sent(kinds):
    path = path_of(kinds)
    answer = Message(role="assistant", content="old", parent_id=path[-1].id)
    assert sent_with([*path, answer], path[-1])[-1] is path[-1]
    assert answer not in sent_with([*path, answer], path[-1])


@given(text=st.text(max_size=300), chars=st.integers(0, 400))
def test_a_shortened_text_has_its_beginning_and_its_end(text, chars):
    short = shortened(text, chars)
    if chars >= len(text):
        assert short == text
        return
    first, last = chars - chars // 2, chars // 2
    assert short.startswith(text[:first])
    assert short.endswith(text[len(text) - last :] if last else "]\n")
    assert f"[… {len(text) - chars:,} characters left out …]" in short
    assert shown(Message(role="user", content=text, shortened_chars=chars)) == short
    assert shown(Message(role="user", content=text)) == text
