from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from brim.core.cleanup import plan_cleanup
from brim.core.types import Message

messages = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["user", "assistant", "assistant", "user", "tool", "system"]),
        tokens=st.integers(0, 500),
        pinned=st.integers(0, 9).map(lambda n: n == 0),
    ),
    max_size=40,
)


@given(window=messages, fixed=st.integers(0, 500), limit=st.integers(1, 8_000), keep=st.integers(0, 8))
def test_cleanup_keeps_its_promises(window, fixed, limit, keep):
    plan = plan_cleanup(window, fixed_tokens=fixed, limit_tokens=limit, min_messages_to_keep=keep)
    ids = [m.id for m in window]
    left = {m.id for m in plan.leaving}

    assert sorted(left | {m.id for m in plan.staying}) == sorted(ids)
    assert [m.id for m in plan.staying] == [i for i in ids if i not in left]
    newest = set(list(reversed(ids))[:keep])
    for message in plan.leaving:
        assert message.role != "system"
        assert not message.pinned
        assert message.id not in newest

    for before, after in pairwise(window):
        if after.role == "tool":
            assert (before.id in left) == (after.id in left)

    assert plan.after_tokens == plan.before_tokens - sum(m.tokens for m in plan.leaving)
    if plan.before_tokens <= plan.target_tokens:
        assert not plan.leaving
    if not plan.reaches_target:
        # Nothing that may leave has stayed behind.
        for index, message in enumerate(window):
            if message.id in left:
                continue
            group = [message]
            for other in window[index + 1 :]:
                if other.role != "tool":
                    break
                group.append(other)
            start = index
            while window[start].role == "tool" and start:
                start -= 1
                group.append(window[start])
            assert any(m.role == "system" or m.pinned or m.id in newest for m in group)
