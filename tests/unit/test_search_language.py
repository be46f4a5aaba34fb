"""What people type to search for: nothing raises, and folded text is compared as they expect."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brim.core.folding import FoldedText, composed, fold, words
from brim.core.search import Query, Term, excerpt, parse

ALPHABET = st.one_of(
    st.sampled_from("ab_:*\"-()^+.\\'% \n\x00éßİΣ東京ไทย한국ガ\u0301\u3099ﬁ½①👩\ud800"),
    st.sampled_from(["model:", "after:", "NEAR", " OR "]),
)
MESSY = st.one_of(st.text(), st.lists(ALPHABET).map("".join))


def local(*day):
    return datetime(*day).astimezone()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Café CAFÉ cafe\u0301", ["cafe"] * 3),
        ("Straße", ["strasse"]),
        ("foo_bar std::vec fooBar", ["foo", "bar", "std", "vec", "foobar"]),
        ("東京都", ["東", "京", "都"]),
        ("ガ カ", ["ガ", "カ"]),
        ("한국어로", ["한", "국", "어", "로"]),
        ("İstanbul ΣΑΣ", ["istanbul", "σασ"]),
        ("x²—y…z’s", ["x2", "y", "z", "s"]),
        ("e\x00f", ["e", "f"]),
        ("हिन्दी", ["हिन्दी"]),
        ("👩 ::", []),
    ],
)
def test_words_are_compared_without_case_and_accents(text, found):
    assert words(text) == found


@given(MESSY)
def test_folding_again_changes_nothing(text):
    assert words(" ".join(words(text))) == words(text)


@given(MESSY)
def test_folded_text_knows_where_it_comes_from(text):
    text = composed(text)
    folded = FoldedText(text)
    places = [folded.origin(place) for place in range(len(folded.folded))]
    assert places == sorted(places)
    assert all(0 <= place < len(text) for place in places)
    for place, origin in enumerate(places):
        assert folded.folded[place] in fold(text[origin])


@given(MESSY, st.booleans())
def test_no_query_raises(text, as_typed):
    query = parse(text, as_typed=as_typed)
    for term in (*query.terms, *query.excluded):
        assert term.words
        assert term.pattern.search(" ".join(term.words))
    snippet, ranges, place, found = excerpt(query, text)
    assert "\n" not in snippet
    for start, end in ranges:
        assert 0 <= start < end <= len(snippet)
    if found:
        assert composed(text)[place : place + len(found)] == found


@given(st.text(), st.text(min_size=1))
def test_what_is_in_a_text_is_found_in_it(before, word):
    query = parse(f'"{word}"') if '"' not in word else Query()
    text = f"{before} {word} "
    for term in query.terms:
        assert term.pattern.search(fold(composed(text)))


def test_filters_narrow_down_and_the_rest_is_words():
    query = parse(
        'model:gpt-4o role:User tag:#Work after:2026-01 before:2026-01-15 borrow "exact words" -never'
    )
    assert query.models == (("gpt", "4o"),)
    assert query.roles == ("user",)
    assert query.tags == ("work",)
    assert (query.after, query.before) == (local(2026, 1, 1), local(2026, 1, 15))
    assert [term.words for term in query.terms] == [("borrow",), ("exact", "words")]
    assert [term.words for term in query.excluded] == [("never",)]
    assert query.title == "borrow exact words"


def test_a_minus_before_a_filter_leaves_out_what_fits():
    query = parse(
        '-model:gpt -role:tool -tag:Work -tag:#old -after:2026-02 -before:2026-01 word -"not this" -x:y'
    )
    assert (query.not_models, query.not_roles, query.not_tags) == ((("gpt",),), ("tool",), ("work", "old"))
    assert (query.after, query.before) == (local(2026, 1, 1), local(2026, 2, 1))
    assert (query.models, query.roles, query.tags) == ((), (), ())
    assert [term.words for term in query.excluded] == [("not", "this"), ("x", "y")]
    assert (query.title, query.not_title) == ("word", ("not this", "x:y"))
    assert parse("-tag:old").has_filters
    assert parse("-tag:").is_empty


@pytest.mark.parametrize(
    "text", ["role:nobody", "after:soon", "before:2026-13", "std::vec", "https://a.b/c", "x:y"]
)
def test_what_is_no_filter_is_words(text):
    query = parse(text)
    assert not query.has_filters
    assert [term.words for term in query.terms] == [tuple(words(text))]


@pytest.mark.parametrize("text", ["", " ", '"', '""', "-", "::", "model:", "tag: ", "*"])
def test_nothing_to_look_for(text):
    assert parse(text, as_typed=True).is_empty


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("borrow che", [False, True]),
        ("borrow ", [False]),
        ("bor* che", [True, True]),
        ('"borrow che', [True]),
        ('"borrow che"', [False]),
        ("a", [False]),
        ("a 京", [False, True]),
        ("che.", [False]),
    ],
)
def test_the_last_word_is_taken_for_a_beginning_while_it_is_typed(text, prefixes):
    assert [term.is_prefix for term in parse(text, as_typed=True).terms] == prefixes


def test_symbols_are_kept_for_the_order():
    assert parse("C++").terms == (Term(("c",), literal="c++"),)
    assert parse("plain").terms == (Term(("plain",)),)


def test_a_snippet_shows_the_words_nearest_to_each_other():
    text = "borrow " + "filler " * 100 + "the borrow\n\n   checker says " + "more " * 100
    snippet, ranges, place, found = excerpt(parse("borrow checker"), text)
    assert [snippet[start:end] for start, end in ranges] == ["borrow", "checker"]
    assert "the borrow checker says" in snippet
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert (text[place:].startswith("borrow\n"), found) == (True, "borrow")


def test_a_huge_query_is_cut():
    query = parse(" ".join(f"w{number}" for number in range(1000)))
    assert len(query.terms) <= 32
