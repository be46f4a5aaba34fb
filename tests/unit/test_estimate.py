import pytest

from brim.core.estimate import Estimator, estimate_tokens

PROSE = "The quick brown fox jumps over the lazy dog, and nobody minds at all. " * 20
CODE = "def area(r: float) -> float:\n    return 3.14159 * r ** 2  # πr²\n" * 20
CHINESE = "今天天气很好，我们去公园散步吧。" * 20


def test_nothing_weighs_nothing():
    assert estimate_tokens("") == 0
    assert estimate_tokens(" ") == 1


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        (PROSE, 260, 400),
        (CODE, 330, 650),
        (CHINESE, 200, 400),
        ("🙂" * 50, 50, 200),
        ("1234567890" * 10, 33, 100),
    ],
)
def test_the_estimate_is_in_the_range_of_known_tokenizers(text, low, high):
    """The ranges span what o200k, Claude's and SmolLM2's vocabularies make of such text."""
    assert low <= estimate_tokens(text) <= high


def test_more_text_is_never_fewer_tokens():
    text = PROSE + CODE + CHINESE
    counts = [estimate_tokens(text[:end]) for end in range(0, len(text), 37)]
    assert counts == sorted(counts)


def test_it_learns_from_what_the_provider_counts():
    estimator = Estimator()
    counted = round(estimate_tokens(PROSE) * 1.3)
    for _ in range(3):
        estimator.learn(PROSE, counted)
    assert abs(estimator.estimate(PROSE) - counted) <= 0.02 * counted


def test_one_wild_report_does_not_ruin_it():
    estimator = Estimator()
    estimator.learn(PROSE, 1_000_000)
    assert estimator.estimate(PROSE) <= 4 * estimate_tokens(PROSE) + 1
    estimator.learn("Hi", 500)
    assert estimator.estimate(PROSE) <= 4 * estimate_tokens(PROSE) + 1
