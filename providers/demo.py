"""The answer of ``scripted:demo``: everything that an answer can have, for a look around without any model."""

from __future__ import annotations

from brim.core.estimate import estimate_tokens
from brim.core.types import AgentContext
from brim.core.usage import Usage
from brim.providers.scripted import Reasoning, Script, Tool, Wait

TOKENS_PER_S = 60.0
WINDOW_TOKENS = 8192
"""Small, so that the gauge moves and a cleanup can be seen within a few turns."""

THOUGHTS = (
    "The person wants to see what an answer can look like. A heading, a table, some code, and a few "
    "scripts of the world should do. First a look at the clock."
)

ANSWER = """\
## What fits into a context window

The model sees **only what is in its window**: the system prompt, the messages so far, and your question. \
When it is full to the brim, the oldest messages leave it. They stay in your session.

### Three things to try

1. Watch the gauge on the right while this text arrives.
2. Switch to another session: the answer goes on without you.
3. Press `Ctrl+P` for everything else.

| Window | English | 日本語 | Emoji |
|-------:|:--------|:------|:-----:|
| 2,048 | a short story | 短い話 | 🐣 |
| 8,192 | a long essay | 長い随筆 | 🦉 |
| 200,000 | a thick novel | 厚い小説 | 🐋 |

### In code

```python
def share(used: int, window: int | None) -> str:
    \"\"\"Say how full the window is; an unknown window has no percentage.\"\"\"
    if window is None:
        return f"{used:,} / ?"
    return f"{used / window:.0%} of {window:,}"


print(share(5_120, 8_192))  # 62% of 8,192
```

> Nothing is ever lost: *forgetting* is only for the model.

Further reading: [context windows](https://en.wikipedia.org/wiki/Large_language_model#Prompt_engineering) \
· 你好 · שלום · नमस्ते · 👩‍🚀
"""


def script(context: AgentContext) -> Script:
    """Return the steps of the demonstration for what was asked."""
    prompt = sum(estimate_tokens(message.content) for message in context.conversation_history)
    reasoning = estimate_tokens(THOUGHTS)
    usage = Usage(
        input_tokens=prompt + estimate_tokens(context.input),
        output_tokens=reasoning + estimate_tokens(ANSWER),
        reasoning_tokens=reasoning,
    )
    return (
        Wait(0.3, "thinking of something nice"),
        Reasoning(THOUGHTS),
        Tool("clock", '{"zone": "UTC"}', "12:04", seconds=0.4),
        ANSWER,
        usage,
    )
