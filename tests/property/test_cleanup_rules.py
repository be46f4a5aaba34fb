"""What a cleanup promises, for any conversation."""

from hypothesis import given, settings
from hypothesis import strategies as st

from brim.core.cleanup import merged, plan_cleanup, plan_return, weight_of
from brim.core.types import CleanupReceipt, Message

messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["user", "user", "assistant", "assistant", "tool", "system"]),
        tokens=st.integers(0, 500),
        pinned=st.integers(0, 9).map(lambda n: n == 0),
    ),
    max_size=40,
)
limits = st.integers(1, 8_000)
keeps = st.integers(0, 8)
fixed = st.integers(0, 500)


def groups_of(window):
    """Each message that is no tool's, with the tool results behind it."""
    groups = []
    for message in window:
        if message.role == "tool" and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups


def question_of(window, message):
    """The last question before a message."""
    before = window[: window.index(message)]
    return next((one for one in reversed(before) if one.role == "user"), None)


def must_stay(window, keep):
    """The messages that no cleanup may drop, found the slow way: the protected, their tools, their questions."""
    newest = window[max(0, len(window) - keep) :] if keep else []
    fixed_ids = {m.id for m in window if m.role == "system" or m.pinned} | {m.id for m in newest}
    for group in groups_of(window):
        if any(m.id in fixed_ids for m in group):
            fixed_ids |= {m.id for m in group}
    for message in [m for m in window if m.id in fixed_ids and m.role in ("assistant", "tool")]:
        if question := question_of(window, message):
            for group in groups_of(window):
                if question in group:
                    fixed_ids |= {m.id for m in group}
    return fixed_ids


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_protected_messages_stay_and_nothing_is_lost(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    left = {m.id for m in plan.leaving}
    assert [m for m in window if m.id in left] == list(plan.leaving)
    assert [m for m in window if m.id not in left] == list(plan.staying)
    newest = {m.id for m in window[max(0, len(window) - keep) :]} if keep else set()
    for message in plan.leaving:
        assert message.role != "system"
        assert not message.pinned
        assert message.id not in newest
    assert plan.before_tokens == fixed + weight_of(window)
    assert plan.after_tokens == fixed + weight_of(plan.staying)


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_no_orphans(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    left = {m.id for m in plan.leaving}
    for group in groups_of(window):
        assert len({m.id in left for m in group}) == 1, "a tool call parted from its results"
    for message in plan.staying:
        if message.role == "assistant" and (question := question_of(window, message)):
            assert question.id not in left, "an answer without its question"


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_what_remains_starts_with_a_question(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    spoken = [m for m in window if m.role != "system"]
    remaining = [m for m in plan.staying if m.role != "system"]
    if not spoken or not remaining or remaining[0] == spoken[0]:
        return
    first = remaining[0]
    protected = must_stay(window, keep)
    assert first.role == "user" or (first.id in protected and question_of(window, first) is None)


@given(window=messages, fixed=fixed, limit=limits, keep=keeps, room=st.integers(0, 300))
@settings(max_examples=300)
def test_it_ends_under_the_target_where_that_is_possible_and_says_so_where_not(
    window, fixed, limit, keep, room
):
    plan = plan_cleanup(
        window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep, summary_tokens=room
    )
    protected = must_stay(window, keep)
    least = fixed + weight_of(m for m in window if m.id in protected)
    possible = least <= plan.target_tokens
    assert plan.target_tokens == int(0.6 * limit)
    assert plan.reaches_target is (plan.after_tokens <= plan.target_tokens)
    assert plan.reaches_target is possible
    if plan.before_tokens <= plan.target_tokens:
        assert not plan.leaving
    elif least + room <= plan.target_tokens:
        assert plan.after_tokens + room <= plan.target_tokens
    if not possible:
        assert {m.id for m in plan.staying} == protected


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_no_more_leaves_than_has_to(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    if not plan.leaving or not plan.reaches_target:
        return
    # With the youngest exchange that left back in place it would not be enough.
    *_, last = [i for i, m in enumerate(window) if m in plan.leaving]
    start = last
    while start and (window[start].role != "user" or window[start] not in plan.leaving):
        start -= 1
    youngest = [m for m in window[start : last + 1] if m in plan.leaving]
    assert plan.after_tokens + weight_of(youngest) > plan.target_tokens


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_it_is_worth_it_or_not(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    freed = plan.before_tokens - plan.after_tokens
    assert plan.is_worthwhile is (bool(plan.leaving) and freed >= 0.10 * plan.before_tokens)


@given(window=messages, fixed=fixed, limit=limits, keep=keeps)
def test_planning_changes_nothing_and_a_second_cleanup_finds_nothing(window, fixed, limit, keep):
    before = [m.model_dump() for m in window]
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    assert [m.model_dump() for m in window] == before
    again = plan_cleanup(plan.staying, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    assert not again.leaving


@given(gone=messages, free=st.integers(-100, 6_000))
def test_what_comes_back_fits_and_belongs_together(gone, free):
    back = plan_return(gone, free_tokens=free)
    assert weight_of(back) <= max(0, free)
    assert list(back) == [m for m in gone if m in back]
    assert list(back) == gone[len(gone) - len(back) :], "the newest come back"
    if back and back[0] != gone[0]:
        assert back[0].role == "user"
    if weight_of(gone) <= free:
        assert list(back) == gone


receipts = st.builds(
    CleanupReceipt,
    before_tokens=st.integers(0, 9_000),
    after_tokens=st.integers(0, 9_000),
    left_ids=st.lists(st.sampled_from("abcdefgh"), unique=True).map(tuple),
    kept=st.integers(0, 9),
    pinned=st.integers(0, 3),
    reached_target=st.booleans(),
    shortened_ids=st.lists(st.sampled_from("abcdefgh"), unique=True).map(tuple),
    undone=st.booleans(),
)


@given(first=st.none() | receipts, second=receipts)
def test_two_cleanups_of_one_message_are_one_record(first, second):
    one = merged(first, second)
    if first is None or first.undone:
        assert one == second
        return
    assert (one.before_tokens, one.after_tokens) == (first.before_tokens, second.after_tokens)
    assert set(one.left_ids) == set(first.left_ids) | set(second.left_ids)
    assert len(one.left_ids) == len(set(one.left_ids))
    assert set(one.shortened_ids) == set(first.shortened_ids) | set(second.shortened_ids)
