import pytest
from pydantic import SecretStr

from brim import AuthenticationError, ConnectionFailedError
from brim.providers.moderation import Moderator
from brim.providers.openai import OpenAIServer
from tests.support.scripted_server import ScriptedServer, refusal

KEY = "sk-secret-key-of-the-test"


def _answer(**flagged):
    categories = {name.replace("__", "/"): value for name, value in flagged.items()}
    result = {"flagged": any(flagged.values()), "categories": categories, "category_scores": {}}
    return refusal(200, {"id": "m", "model": "omni-moderation-latest", "results": [result]})


async def test_a_text_is_flagged_by_category():
    async with ScriptedServer() as server:
        server.play(_answer(violence=True, hate=False, harassment=True), _answer(violence=False))
        moderator = Moderator(OpenAIServer(server.openai_url, SecretStr(KEY)))
        assert await moderator.flags("some text") == ("harassment", "violence")
        assert await moderator.flags("more") == ()
        await moderator.aclose()
        asked = server.requests[0]
        assert asked.path.endswith("/moderations") and asked.body["input"] == "some text"
        assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_what_fails_is_an_error_without_the_key():
    async with ScriptedServer() as server:
        server.play(refusal(401, {"error": {"message": f"Incorrect API key {KEY}"}}))
        moderator = Moderator(OpenAIServer(server.openai_url, SecretStr(KEY)))
        with pytest.raises(AuthenticationError) as caught:
            await moderator.flags("text")
        assert KEY not in str(caught.value)
    with pytest.raises(ConnectionFailedError):
        await moderator.flags("text")
    await moderator.aclose()
