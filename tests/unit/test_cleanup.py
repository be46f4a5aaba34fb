from brim.core.cleanup import plan_cleanup
from tests.support.builders import conversation


def leaving(*args, **kwargs):
    return [message.id for message in plan_cleanup(*args, **kwargs).leaving]


def test_oldest_leave_down_to_the_target():
    window = conversation([100] * 10)
    plan = plan_cleanup(window, fixed_tokens=0, limit_tokens=1_000)
    assert [m.id for m in plan.leaving] == ["m0", "m1", "m2", "m3"]
    assert (plan.before_tokens, plan.after_tokens, plan.target_tokens) == (1_000, 600, 600)
    assert plan.reaches_target
    assert plan.is_worthwhile


def test_an_answer_does_not_stay_without_its_question():
    window = conversation([300, 100, *[100] * 6])
    assert leaving(window, fixed_tokens=0, limit_tokens=1_200) == ["m0", "m1"]


def test_system_pinned_and_last_five_stay():
    window = conversation([100] * 10, roles=["system", *["user", "assistant"] * 5], pinned=[2])
    plan = plan_cleanup(window, fixed_tokens=0, limit_tokens=500)
    assert [m.id for m in plan.leaving] == ["m1", "m3", "m4"]
    assert not plan.reaches_target


def test_a_tool_call_leaves_with_its_results():
    window = conversation(
        [100, 100, 100, 100, *[10] * 6],
        roles=["user", "assistant", "tool", "tool", *["user", "assistant"] * 3],
    )
    assert leaving(window, fixed_tokens=0, limit_tokens=500) == ["m0", "m1", "m2", "m3"]


def test_a_tool_result_among_the_last_five_keeps_its_call():
    window = conversation(
        [500, 500, 10, 10, 10, 10, 10],
        roles=["user", "assistant", "tool", "tool", "tool", "user", "assistant"],
    )
    assert leaving(window, fixed_tokens=0, limit_tokens=500) == ["m0"]


def test_what_is_sent_besides_counts():
    window = conversation([100] * 8)
    plan = plan_cleanup(window, fixed_tokens=400, limit_tokens=1_000)
    assert plan.after_tokens == 800 + 400 - 100 * len(plan.leaving)
    assert len(plan.leaving) == 3


def test_a_cleanup_that_frees_too_little_is_not_worthwhile():
    window = conversation([50, 50, *[1_000] * 5])
    assert not plan_cleanup(window, fixed_tokens=0, limit_tokens=1_000).is_worthwhile


def test_nothing_leaves_an_empty_window():
    plan = plan_cleanup([], fixed_tokens=10, limit_tokens=1_000)
    assert plan.leaving == ()
    assert not plan.is_worthwhile


def test_keep_none():
    assert (
        len(leaving(conversation([100] * 4), fixed_tokens=0, limit_tokens=100, min_messages_to_keep=0)) == 4
    )


def test_the_receipt_says_what_happened():
    window = conversation([100] * 10, pinned=[0])
    receipt = plan_cleanup(window, fixed_tokens=0, limit_tokens=1_000).receipt(after_answer=True)
    assert receipt.left_ids == ("m1", "m2", "m3", "m4")
    assert (receipt.kept, receipt.pinned, receipt.after_tokens, receipt.after_answer) == (6, 1, 600, True)
