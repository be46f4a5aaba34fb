"""The baseline: the smallest Textual app that chats. One `Input`, one `Markdown`, raw HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from urllib.parse import urlsplit

from textual import work
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Markdown


class MinimalApp(App[None]):
    """Sends what is typed and streams the answer into a Markdown widget, as Textual's guide shows it."""

    def compose(self) -> ComposeResult:
        with VerticalScroll() as log:
            log.anchor()
            yield Markdown()
        yield Input(placeholder="Type a message")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.input.clear()
        self.ask(event.value)

    @work
    async def ask(self, prompt: str) -> None:
        url = urlsplit(os.environ["OPENAI_BASE_URL"])
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        body = json.dumps(
            {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        ).encode()
        head = f"POST {url.path}/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        stream = Markdown.get_stream(self.query_one(Markdown))
        try:
            while line := await reader.readline():
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        await stream.write(text)
                elif line.startswith(b"data: [DONE]"):
                    break
        finally:
            await stream.stop()
            writer.close()


if __name__ == "__main__":
    MinimalApp().run()
