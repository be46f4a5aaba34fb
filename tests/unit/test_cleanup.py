from brim.core.cleanup import plan_cleanup
from brim.core.types import Summary
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
    window = conversation([100] * 10, roles=["system", *["user", "assistant"] * 5], pinned=[1])
    plan = plan_cleanup(window, fixed_tokens=0, limit_tokens=500)
    assert [m.id for m in plan.leaving] == ["m2", "m3", "m4"]
    assert not plan.reaches_target


def test_a_pinned_answer_keeps_its_question():
    window = conversation([100] * 13, pinned=[3])
    assert leaving(window, fixed_tokens=0, limit_tokens=500) == ["m0", "m1", "m4", "m5", "m6", "m7"]


def test_the_last_five_do_not_begin_with_an_answer_alone():
    window = conversation([100] * 12)
    assert leaving(window, fixed_tokens=0, limit_tokens=100) == [f"m{number}" for number in range(6)]


def test_a_tool_call_leaves_with_its_results():
    window = conversation(
        [100, 100, 100, 100, *[10] * 6],
        roles=["user", "assistant", "tool", "tool", *["user", "assistant"] * 3],
    )
    assert leaving(window, fixed_tokens=0, limit_tokens=500) == ["m0", "m1", "m2", "m3"]


def test_a_tool_result_among_the_last_five_keeps_its_call_and_the_question():
    window = conversation(
        [500, 500, 500, 10, 10, 10, 10, 10],
        roles=["user", "user", "assistant", "tool", "tool", "tool", "user", "assistant"],
    )
    assert leaving(window, fixed_tokens=0, limit_tokens=500) == ["m0"]


def test_a_long_run_of_tools_can_leave_and_the_question_stays():
    window = conversation(
        [10, *[200, 200] * 3, 10, 10, 10, 10, 10],
        roles=["user", *["assistant", "tool"] * 3, *["assistant", "user"] * 2, "assistant"],
    )
    assert leaving(window, fixed_tokens=0, limit_tokens=1_000) == ["m1", "m2", "m3", "m4"]


def test_what_is_sent_besides_counts():
    window = conversation([100] * 10)
    plan = plan_cleanup(window, fixed_tokens=400, limit_tokens=2_000)
    assert plan.after_tokens == 1_000 + 400 - 100 * len(plan.leaving)
    assert len(plan.leaving) == 2


def test_a_summary_finds_room_below_the_target():
    window = conversation([100] * 12)
    plan = plan_cleanup(window, fixed_tokens=0, limit_tokens=1_500, summary_tokens=50)
    assert (plan.after_tokens, plan.target_tokens) == (800, 900)
    few = conversation([100] * 9)
    assert not leaving(few, fixed_tokens=0, limit_tokens=1_500, summary_tokens=50)


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
    window = conversation([100] * 11, pinned=[0])
    receipt = plan_cleanup(window, fixed_tokens=0, limit_tokens=1_200).receipt(after_answer=True)
    assert receipt.left_ids == ("m1", "m2", "m3", "m4", "m5")
    assert (receipt.before_tokens, receipt.after_tokens) == (1_100, 600)
    assert (receipt.kept, receipt.pinned, receipt.after_answer, receipt.reason) == (6, 1, True, "threshold")
    assert receipt.reached_target


def test_the_receipt_counts_the_summary_in_place_of_the_one_before():
    plan = plan_cleanup(conversation([100] * 12), fixed_tokens=80, limit_tokens=1_200)
    summary = Summary(text="notes", tokens=50, replaced_tokens=680, model="agent:x")
    receipt = plan.receipt(after_answer=False, summary=summary, replaced_tokens=30)
    assert receipt.after_tokens == plan.after_tokens + 50 - 30
    assert receipt.reached_target is (receipt.after_tokens <= plan.target_tokens)
    assert receipt.summary == summary
