import pytest
from pydantic import SecretStr

from brim import AgentConfig, AgentContext, AuthenticationError
from brim.core import references
from brim.core.references import References
from brim.providers.anthropic import AnthropicAgent, AnthropicServer
from brim.providers.openai import OpenAIAgent, OpenAIServer
from tests.support.scripted_server import ScriptedServer, chat, messages


@pytest.fixture(autouse=True)
def always_anew():
    references.use(References(lifetime_s=0))
    yield
    references.use(References())


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
async def test_a_key_that_is_changed_in_its_file_counts_for_the_next_request(tmp_path, protocol):
    file = tmp_path / "key"
    named = SecretStr(f"file:{file}")
    async with ScriptedServer() as server:
        if protocol == "openai":
            asking = OpenAIServer(server.openai_url, named)
            agent = OpenAIAgent(AgentConfig(model="m"), asking)
        else:
            asking = AnthropicServer(server.url, named)
            agent = AnthropicAgent(AgentConfig(model="m", max_tokens=50), asking)
        sent = []
        for key in ("first-key", "second-key"):
            file.write_text(f"{key}\n")
            server.play(chat("fine") if protocol == "openai" else messages("fine"))
            async for _ in agent.process_stream(AgentContext(input="Hello?")):
                pass
            asked = [each for each in server.requests if each.path.endswith(("completions", "messages"))][-1]
            sent.append(
                asked.headers.get("x-api-key") or asked.headers["authorization"].removeprefix("Bearer ")
            )
        await asking.aclose()
    assert sent == ["first-key", "second-key"]


async def test_a_reference_that_names_nothing_is_said_with_the_turn(tmp_path):
    server = OpenAIServer("http://127.0.0.1:9/v1", SecretStr(f"file:{tmp_path / 'none'}"))
    assert server.has_key
    with pytest.raises(AuthenticationError, match="no such file"):
        await server.client()
