"""The person's own windows, limits and prices: which table counts, and what a wrong file says."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from brim.core import catalogue
from brim.core.budgets import quote
from brim.core.errors import SettingsError
from brim.core.overrides import Overrides, load_overrides, parse_overrides
from brim.core.types import ModelInfo
from brim.core.usage import Usage

_FILE = """
# mine
["openai:qwen3-32b"]
window_tokens = 40_960
max_output_tokens = 8192

["openai:*"]
input_usd_per_million = 0.1
output_usd_per_million = 0.3

["openai:qwen*"]
max_input_tokens = 32768
input_usd_per_million = 1
output_usd_per_million = 2
cache_read_usd_per_million = 0.25
cache_write_usd_per_million = 1.5

["anthropic:claude-sonnet-4-5"]
window_tokens = 1_000_000
"""


@pytest.fixture(autouse=True)
def nothing_said() -> Iterator[None]:
    yield
    catalogue.use_overrides(Overrides())


def _use(text: str = _FILE) -> None:
    catalogue.use_overrides(parse_overrides(text))


async def test_the_id_comes_before_patterns_and_long_ones_before_short_ones() -> None:
    _use()
    info = await catalogue.lookup("openai:qwen3-32b")
    assert (info.window_tokens, info.max_input_tokens, info.max_output_tokens) == (32_768, 32_768, 8_192)
    assert (info.input_usd_per_million, info.output_usd_per_million) == (1, 2)
    assert (await catalogue.lookup("openai:llama")).input_usd_per_million == Decimal("0.1")
    assert catalogue.has_own_price("openai:llama")
    assert not catalogue.has_own_price("anthropic:claude-sonnet-4-5")


async def test_a_window_of_ones_own_leaves_the_published_price() -> None:
    _use()
    info = await catalogue.lookup("anthropic:claude-sonnet-4-5")
    assert (info.window_tokens, info.input_usd_per_million) == (1_000_000, 3)
    assert catalogue.own_window("anthropic:claude-sonnet-4-5") == 1_000_000
    assert catalogue.own_window("local:smollm2") is None
    assert await catalogue.price("anthropic:claude-sonnet-4-5", Usage(input_tokens=1_000_000)) == 6


async def test_an_unknown_model_is_priced_by_hand() -> None:
    _use()
    usage = Usage(input_tokens=1_000, cache_read_tokens=2_000, cache_write_tokens=4_000, output_tokens=8_000)
    # 1,000 x 1 + 2,000 x 0.25 + 4,000 x 1.5 + 8,000 x 2 = 23,500 millionths
    assert await catalogue.price("openai:qwen-x", usage, own_only=True) == Decimal("0.0235")
    # 2,000 x 0.75 saved, 4,000 x 0.5 lost
    assert await catalogue.cache_saved("openai:qwen-x", usage, own_only=True) == Decimal("-0.0005")


async def test_a_price_of_ones_own_comes_before_the_published_one_and_has_no_discount_of_its_own() -> None:
    _use()
    assert await catalogue.price("openai:gpt-4o", Usage(cache_read_tokens=1_000_000)) == Decimal("0.1")


async def test_free_is_a_price() -> None:
    _use('["openai:*"]\ninput_usd_per_million = 0\noutput_usd_per_million = 0\n')
    assert await catalogue.price("openai:x", Usage(input_tokens=5), own_only=True) == 0
    assert (await quote("openai:x", prompt_tokens=5, reply_tokens=5, own_only=True)).worst_usd == 0


async def test_a_smaller_window_of_the_catalogue_stays_under_a_larger_input_limit() -> None:
    _use('["openai:gpt-4o"]\nmax_input_tokens = 999_999\n')
    assert (await catalogue.lookup("openai:gpt-4o")).window_tokens == 128_000


def test_models_named_one_by_one_can_be_listed() -> None:
    _use()
    assert {model.id for model in catalogue.own_models()} == {
        "openai:qwen3-32b",
        "anthropic:claude-sonnet-4-5",
    }
    assert catalogue.with_own_word(ModelInfo(id="openai:z")).output_usd_per_million == Decimal("0.3")


def test_a_name_with_brackets_is_no_pattern() -> None:
    said = parse_overrides('["openai:model[free]*"]\nwindow_tokens = 5\n')
    assert said.of("openai:model[free]:1").window_tokens == 5
    assert said.of("openai:modelf").window_tokens is None


def test_no_file_says_nothing_and_a_file_is_read(tmp_path: Path) -> None:
    assert len(load_overrides(tmp_path)) == 0
    (tmp_path / "models.toml").write_text(_FILE, encoding="utf-8-sig")
    assert len(load_overrides(tmp_path)) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '["openai:x"]\nwindow_tokens = "big"\n',
            'line 2, openai:x: window_tokens is "big", but it must be a whole',
        ),
        ('["openai:x"]\n\nwindow_tokens = 0\n', "line 3, openai:x: window_tokens"),
        ('["openai:x"]\nwindow_tokens = true\n', "whole number above 0"),
        ('["openai:x"]\nwindow_tokens = 1.5\n', "whole number above 0"),
        (
            '["a:b"]\nwindow_tokens = 1\n["c:d"]\nwindow = 7\n',
            "line 4, c:d: there is no field 'window'. Did you mean window_tokens?",
        ),
        ('["a:b"]\ninput_usd_per_million = -1\noutput_usd_per_million = 1\n', "line 2, a:b: input_usd"),
        ('["a:b"]\ninput_usd_per_million = nan\noutput_usd_per_million = 1\n', "0 or more"),
        ('["a:b"]\ninput_usd_per_million = 1\n', "line 1, a:b: output_usd_per_million is missing"),
        ('["a:b"]\ncache_read_usd_per_million = 1\n', "line 1, a:b: input_usd_per_million is missing"),
        ("window_tokens = 5\n", "line 1, window_tokens: stands outside a table"),
        ("[openai:x]\nwindow_tokens = 5\n", "line 1 is not TOML"),
        ('["a:b"]\nwindow_tokens = \n', "line 2 is not TOML"),
        ('["a:b"]\n"\\u001b]0;x" = 1\n', "there is no field"),
    ],
)
def test_a_wrong_file_is_one_sentence_with_the_place(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_overrides(text)
    assert str(caught.value).startswith("models.toml line ")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.__cause__ is None


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(b"\n\xff\xfe")
    with pytest.raises(SettingsError, match=r"models\.toml line 2 is not UTF-8"):
        load_overrides(tmp_path)
