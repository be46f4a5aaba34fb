"""Text that arrives in any chunks is, once finished, rendered as the whole text is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from brim.tui.render.document import MarkdownDocument
from tests.support.markdown_text import INKS, assert_sound, markdown_chunks, markdown_texts

widths = st.sampled_from((1, 2, 4, 7, 12, 30, 80))


@given(markdown_chunks(), widths, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_finished_lines_are_those_of_the_whole_text(chunks: list[str], width: int, choices) -> None:
    text = "".join(chunks)
    document = MarkdownDocument()
    for chunk in chunks:
        document.append(chunk)
        if choices.random() < 0.6:
            assert_sound(document.lines(width, INKS), width, text)
        if choices.random() < 0.1:
            document.finish()
        if choices.random() < 0.1:
            document.forget()
    document.finish()
    whole = MarkdownDocument(text)
    assert list(document.lines(width, INKS)) == list(whole.lines(width, INKS))
    assert document.source == text
    assert document.code_blocks() == whole.code_blocks()


@given(markdown_chunks(), widths)
@settings(max_examples=300, deadline=None)
def test_lines_that_are_said_not_to_have_changed_have_not(chunks: list[str], width: int) -> None:
    document = MarkdownDocument()
    before = list(document.lines(width, INKS))
    for number, chunk in enumerate(chunks):
        document.append(chunk)
        asked_first = document.changed_from() if number % 2 else None
        after = list(document.lines(width, INKS))
        changed = document.changed_from() if asked_first is None else asked_first
        if chunk:
            same = [a == b for a, b in zip(before, after, strict=False)]
            assert changed == (same.index(False) if False in same else len(same))
        before = after


@given(markdown_texts, widths)
@settings(max_examples=200, deadline=None)
def test_lines_are_the_same_after_being_forgotten_and_at_another_width(text: str, width: int) -> None:
    document = MarkdownDocument(text)
    first = list(document.lines(width, INKS))
    assert_sound(first, width, text)
    document.lines(width + 9, INKS)
    assert list(document.lines(width, INKS)) == first
    document.forget()
    assert list(document.lines(width, INKS)) == first


@given(st.text(max_size=300), st.integers(1, 200))
@settings(max_examples=300, deadline=None)
def test_no_text_is_wider_than_the_width(text: str, width: int) -> None:
    assert_sound(MarkdownDocument(text).lines(width, INKS), width, text)
    fenced = f"```python\n{text}\n```"
    assert_sound(MarkdownDocument(fenced).lines(width, INKS), width, fenced)


@given(st.lists(st.text("abc日é0123", min_size=1, max_size=12), min_size=1, max_size=40), st.integers(2, 60))
@settings(max_examples=200, deadline=None)
def test_every_word_is_shown_in_order_while_the_text_grows(words: list[str], width: int) -> None:
    document = MarkdownDocument()
    for number, word in enumerate(words):
        document.append(f"{word}\n\n" if number % 3 == 2 else f"{word} ")
        document.lines(width, INKS)
    shown = "".join(line.text for line in document.lines(width, INKS))
    assert shown.replace(" ", "") == "".join(words)
