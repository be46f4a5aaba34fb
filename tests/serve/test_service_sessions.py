import json

import pytest

from brim import ScriptedAgent
from brim.serve.keys import KeyFile
from tests.support.service import running


async def test_a_session_is_made_listed_read_renamed_and_deleted(tmp_path):
    async with running(ScriptedAgent(), tmp_path) as service, service.client() as client:
        made = await client.post("/sessions", json={"title": "One", "parameters": {"temperature": 0.5}})
        assert made.status_code == 201
        session = made.json()
        assert session["title"] == "One" and session["parameters"]["temperature"] == 0.5
        assert not {"owner", "draft", "queued"} & session.keys()
        assert (await client.get(f"/sessions/{session['id']}")).json() == session
        renamed = await client.patch(
            f"/sessions/{session['id']}", json={"title": "Two", "system_prompt": "Be brief."}
        )
        assert (renamed.json()["title"], renamed.json()["system_prompt"]) == ("Two", "Be brief.")
        assert (await client.delete(f"/sessions/{session['id']}")).status_code == 204
        gone = await client.get(f"/sessions/{session['id']}")
        assert gone.status_code == 404 and "no session" in gone.json()["error"]["sentence"]


async def test_lists_go_on_where_a_page_ended(tmp_path):
    async with running(ScriptedAgent(), tmp_path) as service, service.client() as client:
        made = [(await client.post("/sessions", json={"title": str(n)})).json()["id"] for n in range(5)]
        seen, after = [], None
        while True:
            page = (
                await client.get("/sessions", params={"limit": 2, **({"after": after} if after else {})})
            ).json()
            seen += [session["id"] for session in page["sessions"]]
            after = page["next"]
            if after is None:
                break
        assert seen == made[::-1]


async def test_each_key_sees_its_own_sessions_only(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    alice, bob = keys.add("alice"), keys.add("bob")
    async with (
        running(ScriptedAgent(), tmp_path, keys=keys) as service,
        service.client(alice) as hers,
        service.client(bob) as his,
        service.client() as nobody,
    ):
        session = (await hers.post("/sessions", json={})).json()["id"]
        await hers.post(f"/sessions/{session}/turns", json={"text": "secret", "stream": False})
        assert [each["id"] for each in (await hers.get("/sessions")).json()["sessions"]] == [session]
        assert (await his.get("/sessions")).json()["sessions"] == []
        answer = (await hers.get(f"/sessions/{session}/messages")).json()["messages"][-1]["id"]
        tried = [
            await his.get(f"/sessions/{session}"),
            await his.get("/sessions", params={"after": session}),
            await his.patch(f"/sessions/{session}", json={"title": "mine"}),
            await his.delete(f"/sessions/{session}"),
            await his.get(f"/sessions/{session}/messages"),
            await his.get(f"/sessions/{session}/export"),
            await his.post(f"/sessions/{session}/turns", json={"text": "hi"}),
            await his.get(f"/sessions/{session}/events", headers={"Last-Event-ID": f"{answer}:0:0:"}),
            await his.post(f"/sessions/{session}/stop"),
            await his.post("/chat/stream", json={"message": "hi", "session_id": session}),
        ]
        assert [each.status_code for each in tried] == [404] * len(tried)
        own = (await his.post("/sessions", json={})).json()["id"]
        smuggled = await his.get(f"/sessions/{own}/events", headers={"Last-Event-ID": f"{answer}:0:0:"})
        assert smuggled.status_code == 404
        before = await his.get(f"/sessions/{own}/messages", params={"before": answer})
        assert "secret" not in before.text
        for wrong in (await nobody.get("/sessions"), await nobody.get("/v1/models")):
            assert wrong.status_code == 401 and wrong.headers["www-authenticate"] == "Bearer"


async def test_keys_are_hashed_and_rotate_while_the_service_runs(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    old = keys.add("alice")
    assert old not in keys.path.read_text() and keys.path.stat().st_mode & 0o077 == 0
    async with running(ScriptedAgent(), tmp_path, keys=keys) as service, service.client(old) as client:
        assert (await client.get("/sessions")).status_code == 200
        other = KeyFile(keys.path)
        other.remove("alice")
        fresh = other.add("alice")
        assert (await client.get("/sessions")).status_code == 401
        async with service.client(fresh) as renewed:
            assert (await renewed.get("/sessions")).status_code == 200
        keys.path.write_text("[keys.alice\n")
        broken = await client.get("/sessions")
        assert broken.status_code == 503 and "keys.toml" not in broken.text


@pytest.mark.parametrize("loss", ["emptied", "deleted", "broken"])
async def test_a_service_that_had_keys_opens_to_nobody_when_they_are_lost(tmp_path, caplog, loss):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice")
    whole = keys.path.read_text()
    async with running(ScriptedAgent(), tmp_path, keys=keys) as service, service.client() as client:
        keys.path.unlink() if loss == "deleted" else keys.path.write_text("[" if loss == "broken" else "")
        for _ in range(2):
            refused = await client.get("/sessions")
            assert refused.status_code == 503 and "retry-after" in refused.headers
        ready = await client.get("/readiness")
        assert ready.status_code == 503 and ready.json()["checks"]["callers"] != "ok"
        assert len([line for line in caplog.messages if "keys cannot be checked" in line]) == 1
        keys.path.write_text(whole)
        assert (await client.get("/sessions")).status_code == 401
        assert (await client.get("/readiness")).status_code == 200
        async with service.client(key) as alice:
            assert (await alice.get("/sessions")).status_code == 200


async def test_a_file_without_keys_lets_nobody_in(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    keys.path.write_text("")
    async with running(ScriptedAgent(), tmp_path, keys=keys) as service, service.client() as client:
        assert (await client.get("/sessions")).status_code == 503
        key = keys.add("alice")
        assert (await client.get("/sessions")).status_code == 401
        async with service.client(key) as alice:
            assert (await alice.get("/sessions")).status_code == 200


@pytest.mark.parametrize(
    ("file_format", "start"), [("md", "---"), ("txt", ""), ("json", "{"), ("html", "<!doctype")]
)
async def test_exports_come_as_files(tmp_path, file_format, start):
    async with running(ScriptedAgent("An answer."), tmp_path) as service, service.client() as client:
        session = (await client.post("/sessions", json={"title": 'a "quoted" ü'})).json()["id"]
        await client.post(f"/sessions/{session}/turns", json={"text": "Hello?", "stream": False})
        file = await client.get(f"/sessions/{session}/export", params={"format": file_format})
        assert file.status_code == 200 and file.text.lower().startswith(start)
        assert "An answer." in file.text
        assert file.headers["content-disposition"].endswith(f'.{file_format}"')
        if file_format == "json":
            json.loads(file.text)


async def test_messages_are_read_backwards_in_pages(tmp_path):
    async with running(ScriptedAgent(), tmp_path) as service, service.client() as client:
        session = (await client.post("/sessions", json={})).json()["id"]
        for text in ("a", "b"):
            await client.post(f"/sessions/{session}/turns", json={"text": text, "stream": False})
        page = (await client.get(f"/sessions/{session}/messages", params={"limit": 3})).json()
        rest = (
            await client.get(f"/sessions/{session}/messages", params={"limit": 3, "before": page["before"]})
        ).json()
        assert [m["content"] for m in (*rest["messages"], *page["messages"])] == ["a", "a", "b", "b"]
        assert rest["before"] is None


@pytest.mark.parametrize("path", ["/sessions", "/v1/chat/completions"])
async def test_a_key_names_no_model_but_those_that_are_offered(tmp_path, path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice")

    def asked(model):
        messages = [{"role": "user", "content": "x"}]
        return {"model": model, **({"messages": messages} if "chat" in path else {})}

    async with (
        running(ScriptedAgent("fine"), tmp_path, keys=keys, models=("openai:gpt-*",)) as service,
        service.client(key) as client,
    ):
        for model in ("agent:scripted", "openai:gpt-4o"):
            assert (await client.post(path, json=asked(model))).status_code in (200, 201)
        for model in ("openai:o3", "local:/etc/passwd", "OpenAI:gpt-4o"):
            refused = await client.post(path, json=asked(model))
            assert refused.status_code in (404, 422)
            assert refused.json()["error"]["type"] == "model_not_found"


async def test_a_session_whose_model_is_offered_no_more_asks_it_no_more(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice")
    async with running(ScriptedAgent("fine"), tmp_path, keys=keys) as service, service.client(key) as client:
        here = f"/sessions/{(await client.post('/sessions', json={})).json()['id']}"
        await service.manager.tuning.set_model(here.rpartition("/")[2], "openai:gpt-4o")
        for refused in (
            await client.post(f"{here}/turns", json={"text": "x"}),
            await client.patch(here, json={"model": "openai:gpt-4o"}),
        ):
            assert refused.status_code == 422 and refused.json()["error"]["type"] == "model_not_found"
        assert (await client.patch(here, json={"model": "agent:scripted"})).status_code == 200
        assert (await client.post(f"{here}/turns", json={"text": "x"})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://chat.example.com"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:8080"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "[::1"}, 403),
    ],
)
async def test_without_keys_no_web_page_of_others_gets_in(tmp_path, headers, status):
    async with (
        running(ScriptedAgent("fine"), tmp_path, origins=("https://chat.example.com",)) as service,
        service.client() as client,
    ):
        answer = await client.post("/chat/stream", params={"message": "x"}, headers=headers)
        assert answer.status_code == status


async def test_with_keys_the_name_of_the_service_does_not_matter(tmp_path):
    keys = KeyFile(tmp_path / "keys.toml")
    key = keys.add("alice")
    async with running(ScriptedAgent("fine"), tmp_path, keys=keys) as service, service.client(key) as client:
        headers = {"Host": "brim.example.com", "Origin": "https://brim.example.com"}
        assert (await client.get("/sessions", headers=headers)).status_code == 200
