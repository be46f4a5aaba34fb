"""Who speaks, above each message."""

import pytest

from brim.core.types import Message
from brim.tui.widgets.message_lines import header
from brim.tui.widgets.transcript_inks import TranscriptInks


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai:gpt-4o", "gpt-4o"),
        ("ollama:llama3.2:latest", "llama3.2:latest"),
        ("openrouter:qwen/qwen3:free", "qwen/qwen3:free"),
        ("local:tinysmol:135m", "tinysmol:135m"),
        ("plain", "plain"),
        (None, "Assistant"),
    ],
)
def test_an_answer_has_the_whole_name_of_its_model(model, name):
    answer = Message(role="assistant", content="x", model=model)
    line = header(answer, TranscriptInks.from_variables({}, dark=True), 60, live=True)
    assert "".join(segment.text for segment in line.segments).strip() == name
