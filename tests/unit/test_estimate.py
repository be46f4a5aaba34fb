import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.estimate import Estimator, estimate_tokens

PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds at all. " * 20
CODE = "def area(r: float) -> float:\n    return 3.14159 * r ** 2  # πr²\n" * 20
CHINESE = "今天天气很好，我们去公园散步吧。" * 20
JAPANESE = "今日はとても天気がいいので、公園を散歩しましょう。" * 20
KANA = "ひらがなとカタカナだけのぶんしょうです。" * 20
DATA = json.dumps([{"name": f"item {n}", "price": n * 7.5, "tags": ["a", "b"]} for n in range(30)], indent=2)
TEXTS = (PROSE, CODE, CHINESE, JAPANESE, DATA)


def other_model(text: str) -> int:
    """Counts as a vocabulary made for English does: other scripts cost it about two tokens a character."""
    wide = "".join(character for character in text if character > "\u2fff")
    return round(1.1 * estimate_tokens("".join(c for c in text if c <= "\u2fff")) + 2.0 * len(wide))


def off(estimated: float, counted: float) -> float:
    return abs(estimated - counted) / counted


def test_nothing_weighs_nothing():
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1
    assert Estimator().estimate("") == 0


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (PROSE, 260, 400),
        (CODE, 330, 650),
        (CHINESE, 200, 400),
        ("🙂" * 50, 50, 200),
        ("1234567890" * 10, 33, 100),
        ("xqzvkjw" * 70, 80, 320),
    ],
)
def test_the_estimate_is_in_the_range_of_known_tokenizers(text, low, high):
    """The ranges span what o200k, Claude's and SmolLM2's vocabularies make of such text."""
    assert low <= estimate_tokens(text) <= high


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("The context window is the part of the conversation that the model sees.", 14),
        ("import asyncio\n\nasync def main() -> None:\n    await asyncio.sleep(1)\n", 17),
        ('{"id": 17, "name": "brim", "tags": ["chat", "terminal"], "stars": 4096}', 29),
    ],
)
def test_it_is_near_what_o200k_counts(text, counted):
    assert off(estimate_tokens(text), counted) <= 0.25


def test_more_text_is_never_fewer_tokens():
    text = "".join(text[:300] for text in TEXTS)
    counts = [estimate_tokens(text[:end]) for end in range(len(text))]
    assert counts == sorted(counts)


@given(st.lists(st.text(), max_size=6), st.integers(0, 4), st.integers(0, 5000))
def test_appending_never_lowers_the_estimate_whatever_was_learnt(parts, taught, reported):
    estimator = Estimator()
    estimator.learn(TEXTS[taught], reported)
    texts = ["".join(parts[:end]) for end in range(len(parts) + 1)]
    for shorter, longer in pairwise(texts):
        assert estimate_tokens(shorter) <= estimate_tokens(longer)
        assert estimator.estimate(shorter) <= estimator.estimate(longer)
    assert all(estimator.estimate(text) > 0 and estimate_tokens(text) > 0 for text in texts if text)


def test_text_that_is_no_unicode_is_estimated_too():
    assert estimate_tokens("\ud800\udfff") > 0


def test_it_learns_from_what_the_provider_counts():
    estimator = Estimator()
    counted = round(estimate_tokens(PROSE) * 1.3)
    for _ in range(3):
        estimator.learn(PROSE, counted)
    assert off(estimator.estimate(PROSE), counted) <= 0.02


@pytest.mark.parametrize("text", TEXTS)
def test_three_turns_are_enough(text):
    estimator = Estimator()
    for part in (text[:300], text[300:700], text[: len(text) // 2]):
        estimator.learn(part, other_model(part))
    assert off(estimator.estimate(text), other_model(text)) <= 0.05


def test_what_is_learnt_of_one_kind_of_text_is_not_believed_of_another():
    estimator = Estimator()
    before = estimator.estimate(PROSE)
    for _ in range(5):
        estimator.learn(CHINESE, 2 * estimate_tokens(CHINESE))
    assert off(estimator.estimate(CHINESE), 2 * estimate_tokens(CHINESE)) <= 0.03
    assert off(estimator.estimate(PROSE), before) <= 0.05


def test_what_is_learnt_of_han_is_expected_of_kana():
    estimator = Estimator()
    for _ in range(5):
        estimator.learn(CHINESE, 2 * estimate_tokens(CHINESE))
    assert estimator.estimate(KANA) > 1.3 * estimate_tokens(KANA)


def test_texts_that_were_counted_together_are_learnt_together():
    estimator = Estimator()
    for _ in range(8):
        estimator.learn((PROSE, "", CHINESE), other_model(PROSE) + other_model(CHINESE))
    together = estimator.estimate(PROSE) + estimator.estimate(CHINESE)
    assert off(together, other_model(PROSE) + other_model(CHINESE)) <= 0.02


def test_one_wild_report_does_not_ruin_it():
    estimator = Estimator()
    estimator.learn(PROSE, 1_000_000)
    assert estimator.estimate(PROSE) <= 2 * estimate_tokens(PROSE)
    estimator.learn("Hi", 500)
    assert estimator.estimate(PROSE) <= 2 * estimate_tokens(PROSE)
    for _ in range(3):
        estimator.learn(PROSE, estimate_tokens(PROSE))
    assert off(estimator.estimate(PROSE), estimate_tokens(PROSE)) <= 0.05


def test_a_wild_report_among_many_good_ones_is_hardly_felt():
    estimator = Estimator()
    for _ in range(5):
        estimator.learn(PROSE, estimate_tokens(PROSE))
    estimator.learn(PROSE, 50 * estimate_tokens(PROSE))
    assert off(estimator.estimate(PROSE), estimate_tokens(PROSE)) <= 0.15


@pytest.mark.parametrize(("text", "reported"), [("", 10), ((), 10), (("", ""), 10), (PROSE, 0), (PROSE, -5)])
def test_reports_that_say_nothing_are_passed_over(text, reported):
    estimator = Estimator()
    before = estimator.state()
    estimator.learn(text, reported)
    assert estimator.state() == before


def test_what_a_server_puts_before_a_conversation_is_told_from_the_messages():
    estimator = Estimator()
    for text in (PROSE[:200], CODE[:300], PROSE[:400], DATA[:200], CODE[:100], PROSE[:150]):
        estimator.learn(text, estimate_tokens(text) + 25, opening=True)
        estimator.learn(text, estimate_tokens(text))
    assert estimator.opening_tokens == pytest.approx(25, abs=4)
    assert off(estimator.estimate(PROSE), estimate_tokens(PROSE)) <= 0.05


def test_nothing_is_put_before_a_conversation_by_a_server_not_known():
    assert Estimator().opening_tokens == 0


def test_its_state_can_be_kept():
    estimator = Estimator()
    for text in TEXTS:
        estimator.learn(text, other_model(text))
    kept = json.loads(json.dumps(estimator.state()))
    other = Estimator.from_state(kept)
    assert [other.estimate(text) for text in TEXTS] == [estimator.estimate(text) for text in TEXTS]
    estimator.learn(PROSE, 900)
    other.learn(PROSE, 900)
    assert other.state() == estimator.state()


@pytest.mark.parametrize(
    "change", [lambda kept: kept[:-1], lambda kept: [*kept[:-1], float("nan")], lambda _: []]
)
def test_a_state_that_is_none_is_refused(change):
    with pytest.raises(ValueError, match="not the state"):
        Estimator.from_state(change(Estimator().state()))


def test_it_stays_sound_over_thousands_of_reports():
    estimator = Estimator()
    for number in range(3000):
        text = TEXTS[number % len(TEXTS)]
        estimator.learn(text, other_model(text))
    for text in TEXTS:
        assert off(estimator.estimate(text), other_model(text)) <= 0.05


def words(text: str) -> int:
    """Counts as a tokenizer with a token for every word does."""
    return len(text.split())


def test_with_a_tokenizer_it_counts_as_that_does():
    estimator = Estimator(words)
    assert [estimator.estimate(text) for text in TEXTS] == [words(text) for text in TEXTS]
    assert estimator.estimate("") == 0


def test_of_a_long_text_a_tokenizer_is_given_only_the_ends():
    seen = []

    def tokenize(text):
        seen.append(len(text))
        return words(text)

    text = PROSE * 700
    assert off(Estimator(tokenize).estimate(text), words(text)) <= 0.02
    assert sum(seen) <= 20_000


def test_what_a_provider_adds_to_a_tokenizers_counts_is_learnt():
    estimator = Estimator(words)
    for _ in range(6):
        estimator.learn((PROSE, CODE), round(1.05 * (words(PROSE) + words(CODE))) + 10)
    assert off(estimator.estimate(PROSE), 1.05 * words(PROSE) + 5) <= 0.02
    other = Estimator.from_state(estimator.state(), words)
    assert other.estimate(PROSE) == estimator.estimate(PROSE)


def test_what_was_learnt_with_a_tokenizer_says_nothing_without_it():
    with pytest.raises(ValueError, match="not the state"):
        Estimator.from_state(Estimator(words).state())
    with pytest.raises(ValueError, match="not the state"):
        Estimator.from_state(Estimator().state(), words)
