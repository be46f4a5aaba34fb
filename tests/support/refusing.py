"""A chat completion server with a real window: it counts, and refuses what is longer."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.scripted_server import Reply, Request, chat, refusal

CHARS_PER_TOKEN = 4


def count(request: Request) -> int:
    """Return the tokens of a request by this server's tokenizer."""
    return sum(4 + len(message["content"]) // CHARS_PER_TOKEN for message in request.body["messages"])


def windowed(
    window_tokens: int,
    answer: str = "An answer of a few words.",
    *,
    reports: bool = True,
    names: str = "both",
) -> Callable[[Request], Reply]:
    """Return an answerer that takes prompts of ``window_tokens`` at most.

    ``reports`` tells usage. The refusal names ``both`` sizes or ``nothing``.
    """

    def reply(request: Request) -> Reply:
        prompt = count(request)
        if prompt > window_tokens:
            said = {
                "both": f"This model's maximum context length is {window_tokens} tokens. However, your "
                f"messages resulted in {prompt} tokens.",
                "nothing": "The input is longer than the model's context length.",
            }[names]
            return refusal(400, {"error": {"message": said, "code": "context_length_exceeded"}})
        usage = {"prompt_tokens": prompt, "completion_tokens": 4 + len(answer) // CHARS_PER_TOKEN}
        return chat(*answer.split(" "), usage=usage if reports else None)

    return reply
