import pytest

from brim.core.titles import LONGEST_TITLE, title_from


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Why does this borrow fail?\n```rust\nlet y = x;\n```", "Why does this borrow fail?"),
        ("\n\n  ## Plan a trip. I like trains.", "Plan a trip"),
        ("`foo` and **bar**", "foo and bar"),
        ("", ""),
        ("```\n```", ""),
        ("日本語で説明してください。お願いします", "日本語で説明してください"),
    ],
)
def test_the_first_sentence_is_the_title(prompt, title):
    assert title_from(prompt) == title


def test_a_long_sentence_is_cut_at_a_word():
    title = title_from("word " * 50)
    assert title.endswith("word…")
    assert len(title) <= LONGEST_TITLE


def test_one_endless_word_is_cut_anywhere():
    assert len(title_from("x" * 500)) == LONGEST_TITLE
