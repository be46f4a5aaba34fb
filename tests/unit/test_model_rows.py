"""What stands in the list of models."""

from __future__ import annotations

from decimal import Decimal
from time import perf_counter

from brim.core.types import ModelInfo
from brim.tui.model_rows import ModelRows

MODELS = [
    ModelInfo(
        id="openai:gpt-4o",
        window_tokens=128_000,
        input_usd_per_million=Decimal("2.5"),
        output_usd_per_million=Decimal("10.00"),
    ),
    ModelInfo(id="local:smollm2"),
    ModelInfo(id="openai:gpt-3.5-turbo", input_usd_per_million=Decimal(0), output_usd_per_million=Decimal(0)),
    ModelInfo(id="anthropic:claude-sonnet-4-5", unavailable="Set ANTHROPIC_API_KEY."),
    ModelInfo(id="work:*", unavailable="work.example does not answer."),
]


def shown(rows: ModelRows) -> list[str]:
    return [
        f"{line.text} {line.note}".strip() if line.row is None else f"- {line.text}" for line in rows.lines
    ]


def test_groups_that_can_be_used_come_first_and_say_why_others_cannot() -> None:
    rows = ModelRows()
    rows.take(MODELS)
    assert shown(rows) == [
        "OpenAI",
        "- gpt-4o",
        "- gpt-3.5-turbo",
        "On this machine",
        "- smollm2",
        "Anthropic Set ANTHROPIC_API_KEY.",
        "- claude-sonnet-4-5",
        "work work.example does not answer.",
    ]


def test_providers_that_want_a_key_are_one_line_each_and_what_a_provider_did_not_tell_heads_its_group() -> (
    None
):
    rows = ModelRows()
    rows.take(
        [
            *MODELS,
            ModelInfo(id="groq:*", unavailable="Set GROQ_API_KEY."),
            ModelInfo(id="xai:grok-9"),
            ModelInfo(id="xai:*", unavailable="As known before: xAI did not answer."),
        ]
    )
    lines = shown(rows)
    assert lines[lines.index("With a key") :][:3] == [
        "With a key",
        "- Groq",
        "Anthropic Set ANTHROPIC_API_KEY.",
    ]
    assert lines[lines.index("xAI As known before: xAI did not answer.") + 1] == "- grok-9"
    place = rows.place_of("groq:*")
    assert place is not None
    row = rows.lines[place].row
    assert row is not None
    assert row.wants_key
    rows.find("groq")
    assert shown(rows) == ["With a key", "- Groq"]


def test_what_was_used_lately_is_known_before_anybody_answers() -> None:
    rows = ModelRows(["anthropic:claude-sonnet-4-5", "gone:model"])
    assert shown(rows) == ["Recent", "- anthropic:claude-sonnet-4-5", "- gone:model"]
    rows.take(MODELS)
    assert shown(rows)[:4] == ["Recent", "- anthropic:claude-sonnet-4-5", "- gone:model", "OpenAI"]
    assert rows.lines[1].note == "Set ANTHROPIC_API_KEY."
    assert sum(line.model_id == "anthropic:claude-sonnet-4-5" for line in rows.lines) == 1


def test_words_are_found_anywhere_and_letters_in_their_order_where_no_word_is() -> None:
    rows = ModelRows()
    rows.take(MODELS)
    for typed, found in (
        ("turbo", ["openai:gpt-3.5-turbo"]),
        ("4o OPEN", ["openai:gpt-4o"]),
        ("clsn45", ["anthropic:claude-sonnet-4-5"]),
        ("reasoning", ["anthropic:claude-sonnet-4-5"]),
        ("machine", ["local:smollm2"]),
        ("zzz", []),
    ):
        rows.find(typed)
        assert [line.model_id for line in rows.lines if line.row] == found, typed


def test_a_name_that_nobody_lists_can_be_taken_as_it_is_typed() -> None:
    rows = ModelRows(resolve=lambda name: name if name.startswith("openai:") else None)
    rows.take(MODELS)
    rows.find("openai:new-one")
    assert shown(rows) == ["As typed", "- openai:new-one"]
    rows.find("openai:gpt-4o")
    assert shown(rows) == ["OpenAI", "- gpt-4o"]
    rows.find("nobody:new")
    assert shown(rows) == []


def test_steps_go_over_the_names_of_groups_and_end_at_the_ends() -> None:
    rows = ModelRows()
    assert rows.step(0, 1) == 0
    rows.take(MODELS)
    assert rows.step(0, 0) == 1
    assert [rows.step(2, by) for by in (1, -1, -9, 99)] == [4, 1, 1, 6]


def test_figures_in_words() -> None:
    rows = ModelRows()
    rows.take(MODELS)
    first, second = rows.lines[1].row, rows.lines[2].row
    assert first is not None
    assert second is not None
    assert (first.window, first.price, second.window, second.price) == ("128k", "$2.50 / $10", "", "free")
    assert first.facts().startswith("128,000 tokens window · $2.50 / $10 per million tokens in / out")


def test_thousands_of_models_are_searched_between_two_keys() -> None:
    rows = ModelRows()
    rows.take([ModelInfo(id=f"openrouter:maker-{n % 40}/model-{n}") for n in range(5_000)])
    started = perf_counter()
    for typed in ("m", "mo", "mod", "model-4", "nothing-like-it"):
        rows.find(typed)
    assert perf_counter() - started < 10.0
