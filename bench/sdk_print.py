"""The other baseline: the `openai` SDK printing the stream. Standard input's first line is the prompt."""

from __future__ import annotations

import sys
import time

from openai import OpenAI

client = OpenAI(api_key="none")
prompt = sys.stdin.readline()
first = None
with client.chat.completions.create(
    model="gpt-4o", stream=True, messages=[{"role": "user", "content": prompt}]
) as stream:
    for chunk in stream:
        first = first or time.monotonic()
        if chunk.choices and chunk.choices[0].delta.content:
            sys.stdout.write(chunk.choices[0].delta.content)
            sys.stdout.flush()
print(f"\nelapsed {time.monotonic() - (first or 0):.4f}")
