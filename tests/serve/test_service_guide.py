"""What the operator's guide says, held against the service."""

import json
import logging
import re
from pathlib import Path

from brim import ScriptedAgent, Usage
from brim.core.errors import OverloadedError
from brim.serve.logs import JsonLines
from brim.serve.options import ServeOptions
from tests.support.service import running

GUIDE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SETTINGS = GUIDE[GUIDE.index("## Settings") : GUIDE.index("## Secrets by reference")]
FOR_BOTH = {"time", "level", "logger", "event", "request_id"}


def test_every_setting_is_in_the_guide_and_nothing_else():
    named = set(re.findall(r"BRIM_SERVE_[A-Z_]+", GUIDE))
    assert named == {f"BRIM_SERVE_{name.upper()}" for name in ServeOptions.model_fields}
    assert named == set(re.findall(r"BRIM_SERVE_[A-Z_]+", SETTINGS))


def test_the_defaults_in_the_guide_are_those_of_the_service():
    defaults = ServeOptions.model_construct()
    rows = re.findall(r"^\| (`BRIM_SERVE_\S+?`)(?:, `\S+`)* \| ([^|]+) \|", SETTINGS, re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        name, said = row[0].strip("`").removeprefix("BRIM_SERVE_").lower(), row[1].strip().strip("`")
        default = getattr(defaults, name)
        if name not in ("keys", "host", "limits_url"):
            shown = "none" if default is None else "[]" if default == () else json.dumps(default)
            assert said == shown.removesuffix(".0").strip('"'), name


async def test_every_metric_and_every_path_is_in_the_guide(tmp_path):
    async with running(ScriptedAgent(), tmp_path) as service, service.client() as client:
        helps = re.findall(r"^# HELP (\S+)", (await client.get("/metrics")).text, re.MULTILINE)
        counted = {name for name in helps if not name.endswith("_created")}
        assert counted == set(re.findall(r"`(agent_[a-z_]+)`", GUIDE)) - {"agent_raised"}
        for path in (await client.get("/openapi.json")).json()["paths"]:
            assert re.sub(r"\{session_id\}", "ID", path).partition("/{")[0] in GUIDE


async def test_the_lines_of_the_log_hold_the_fields_that_the_guide_names(tmp_path, caplog):
    caplog.set_level(logging.INFO, "brim")
    agent = ScriptedAgent(
        {"bad": [OverloadedError("Full.", status=529)], "": ["fine", Usage(input_tokens=1, output_tokens=1)]}
    )
    async with running(agent, tmp_path) as service, service.client() as client:
        for text in ("good", "bad"):
            await client.post("/chat/stream", json={"message": text})
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    request, turn = re.findall(r'^- `"event": (.*)$', GUIDE, re.MULTILINE)
    for events, said in ((("request",), request), (("turn ended", "turn failed"), turn)):
        found = [line for line in lines if line["event"] in events]
        assert {line["event"] for line in found} == set(events)
        fields = set().union(*found) - FOR_BOTH
        assert fields - set(re.findall(r"`(\w+)`", said)) == set()
        named = set(re.findall(r"`(\w+)`", said)) - {"complete", "stopped", "interrupted", "failed"}
        assert named - fields == set()
