from hypothesis import given
from hypothesis import strategies as st

from brim.core.weigh import reweigh
from tests.support.builders import conversation


def settled(messages, *indexes):
    for index in indexes:
        messages[index].tokens_estimated = False
    return messages


def test_a_new_message_weighs_the_difference_between_two_prompts():
    window = settled(conversation([40, 60, 25]), 0, 1)
    assert reweigh(window, system_tokens=10, prompt_tokens=150) == {"m2": (40, False)}


def test_several_new_ones_share_it_by_their_estimates():
    window = conversation([10, 30])
    assert reweigh(window, system_tokens=0, prompt_tokens=80) == {"m0": (20, False), "m1": (60, False)}


def test_a_smaller_prompt_than_what_was_settled_scales_everything():
    window = settled(conversation([40, 60, 25]), 0, 1)
    weights = reweigh(window, system_tokens=0, prompt_tokens=90)
    assert sum(tokens for tokens, _ in weights.values()) == 90


def test_nothing_to_weigh():
    assert reweigh([], system_tokens=5, prompt_tokens=50) == {}
    assert reweigh(conversation([5]), system_tokens=50, prompt_tokens=50) == {}


@given(
    weights=st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=30),
    system=st.integers(0, 100),
    budget=st.integers(1, 20_000),
)
def test_the_weights_add_up_to_what_was_counted(weights, system, budget):
    window = conversation([tokens for tokens, _ in weights])
    settled(window, *(i for i, (_, sure) in enumerate(weights) if sure))
    changed = reweigh(window, system_tokens=system, prompt_tokens=system + budget)
    assert sum(changed.get(m.id, (m.tokens, False))[0] for m in window) == budget
