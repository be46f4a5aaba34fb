"""The operator's budget bounds all that is asked, whether it is in a session or not."""

import pytest

from tests.support.scripted_server import ScriptedServer, chat
from tests.support.service import served

PRICES = """
["openai:gpt-4o"]
input_usd_per_million = 10
output_usd_per_million = 30
"""


def asked(tokens: int):
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "max_tokens": tokens}


@pytest.fixture
async def provider():
    async with ScriptedServer() as server:
        yield server


async def test_completions_count_in_the_day_and_are_held_against_its_budget(tmp_path, provider):
    (tmp_path / "models.toml").write_text(PRICES)
    provider.play(*(chat("word", usage={"prompt_tokens": 1000, "completion_tokens": 2000}) for _ in range(3)))
    env = {
        "OPENAI_BASE_URL": provider.openai_url,
        "OPENAI_API_KEY": "sk-test",
        "DEFAULT_MODEL": "openai:gpt-4o",
        "BRIM_DAY_BUDGET_USD": "0.15",
    }
    async with served(tmp_path, env=env) as service, service.client() as client:
        answers = [await client.post("/v1/chat/completions", json=asked(100)) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        # $0.14 are spent now, and an answer of so many tokens may cost $0.03.
        refused = await client.post("/v1/chat/completions", json=asked(1000))
        assert refused.status_code == 402
        assert refused.json()["error"]["message"] == "What is left of today's budget does not cover this."
        assert (await client.post("/v1/chat/completions", json=asked(100))).status_code == 200
        in_session = await client.post("/chat/stream", json={"message": "x"})
        assert in_session.status_code == 402
        assert in_session.json()["error"]["message"] == "What is left of today's budget does not cover this."
    assert len(provider.requests) == 3
