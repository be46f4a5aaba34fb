"""What conversations cost, computed by hand from the prices that OpenAI and Anthropic publish."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from brim.core.catalogue import cache_saved, lookup, price
from brim.core.usage import Usage

_MILLION = Decimal(1_000_000)


async def _bill(model: str, turns: list[Usage]) -> tuple[Decimal, Decimal]:
    paid = [await price(model, usage) for usage in turns]
    saved = [await cache_saved(model, usage) for usage in turns]
    return sum(filter(None, paid), Decimal(0)), sum(filter(None, saved), Decimal(0))


async def test_an_openai_conversation_with_cache_reads() -> None:
    # gpt-4o: $2.50 input, $1.25 cached input, $10 output. OpenAI's own report of the three turns:
    # prompt 1,200 (0 cached) + 300; prompt 1,620 (1,024 cached) + 250; prompt 1,990 (1,536 cached) + 400.
    turns = [
        Usage(input_tokens=1_200, output_tokens=300),
        Usage(input_tokens=596, cache_read_tokens=1_024, output_tokens=250, reasoning_tokens=64),
        Usage(input_tokens=454, cache_read_tokens=1_536, output_tokens=400),
    ]
    #  2,250 x 2.50 = 5,625;  2,560 x 1.25 = 3,200;  950 x 10 = 9,500;  together 18,325 millionths
    paid, saved = await _bill("openai:gpt-4o", turns)
    assert paid == Decimal("0.018325")
    # each of the 2,560 tokens read from the cache would have cost 1.25 more
    assert saved == Decimal("0.0032")


async def test_an_anthropic_conversation_with_cache_writes_and_reads() -> None:
    # claude-sonnet-4-5: $3 input, $3.75 for 5-minute cache writes (1.25 x), $0.30 for reads (0.1 x), $15 output.
    turns = [
        Usage(input_tokens=20, cache_write_tokens=4_000, output_tokens=500),
        Usage(input_tokens=15, cache_read_tokens=4_000, cache_write_tokens=600, output_tokens=800),
        Usage(input_tokens=30, cache_read_tokens=4_600, cache_write_tokens=900, output_tokens=200),
    ]
    #  65 x 3 = 195;  5,500 x 3.75 = 20,625;  8,600 x 0.30 = 2,580;  1,500 x 15 = 22,500;  together 45,900
    paid, saved = await _bill("anthropic:claude-sonnet-4-5", turns)
    assert paid == Decimal("0.045900")
    #  8,600 x 2.70 = 23,220 saved by reading, 5,500 x 0.75 = 4,125 lost by writing
    assert saved == Decimal("0.019095")


async def test_writing_to_the_cache_alone_costs_more_than_it_saves() -> None:
    usage = Usage(input_tokens=10, cache_write_tokens=10_000, output_tokens=5)
    assert await cache_saved("anthropic:claude-sonnet-4-5", usage) == Decimal("-0.0075")


@pytest.mark.parametrize("model", ["anthropic:claude-haiku-4-5", "anthropic:claude-opus-4-5"])
async def test_what_the_cache_costs_by_the_token_at_anthropic(model: str) -> None:
    fresh = await price(model, Usage(input_tokens=1_000))
    assert fresh
    assert await price(model, Usage(cache_write_tokens=1_000)) == fresh * Decimal("1.25")
    assert await price(model, Usage(cache_read_tokens=1_000)) == fresh * Decimal("0.1")


async def test_a_long_context_has_a_price_of_its_own() -> None:
    # claude-sonnet-4-5 above 200,000 prompt tokens: $6 input, $7.50 writes, $0.60 reads, $22.50 output,
    # for all tokens of the request. Cached tokens count towards the limit.
    model = "anthropic:claude-sonnet-4-5"
    below = Usage(input_tokens=50_000, cache_read_tokens=150_000, output_tokens=1_000)
    above = Usage(input_tokens=50_001, cache_read_tokens=150_000, output_tokens=1_000)
    assert await price(model, below) == (50_000 * 3 + 150_000 * Decimal("0.3") + 1_000 * 15) / _MILLION
    assert (
        await price(model, above)
        == (50_001 * 6 + 150_000 * Decimal("0.6") + 1_000 * Decimal("22.5")) / _MILLION
    )
    # fresh, the same prompt would have been in the dear tier as well
    assert await cache_saved(model, above) == 150_000 * Decimal("5.4") / _MILLION


async def test_the_price_is_that_of_the_day() -> None:
    # o3 went from $10 and $40 to $2 and $8 on 10 June 2025
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert await price("openai:o3", usage, datetime(2025, 6, 1, tzinfo=UTC)) == 50
    assert await price("openai:o3", usage, datetime(2025, 6, 11, tzinfo=UTC)) == 10


async def test_nothing_cached_saves_nothing_and_an_unknown_model_says_so() -> None:
    usage = Usage(input_tokens=10, output_tokens=5)
    assert await cache_saved("openai:gpt-4o", usage) == 0
    for model in ("openai:no-such-model", "local:smollm2", "nonsense", ""):
        assert await price(model, usage) is None
        assert await cache_saved(model, usage) is None
        assert (await lookup(model)).window_tokens is None


async def test_the_published_price_is_not_that_of_a_compatible_server() -> None:
    usage = Usage(input_tokens=10, cache_read_tokens=5)
    assert await price("openai:gpt-4o", usage)
    assert await price("openai:gpt-4o", usage, own_only=True) is None
    assert await cache_saved("openai:gpt-4o", usage, own_only=True) is None


async def test_every_price_is_decimal() -> None:
    paid = await price("openai:gpt-4o", Usage(input_tokens=1, output_tokens=1))
    assert isinstance(paid, Decimal)
    assert paid == Decimal("0.0000125")
