"""A conversation in a script: ``python in_a_script.py "What is 17 * 23?" "And who are you?"``.

The session lives in memory. Give the manager ``store=SQLiteStore(path)`` (from `brim.core.store.sqlite`) and it is
kept in a file that the app can open as well.
"""

import asyncio
import sys

from tool_agent import ToolAgent

from brim import AgentInterface, SessionManager
from brim.core.events import TextAdded, TurnFailed, TurnFinished


async def converse(agent: AgentInterface, questions: list[str]) -> None:
    """Ask one question after the other, and print the answers as they come."""
    async with SessionManager(agent) as manager:
        session = await manager.create(title="From a script")
        for question in questions:
            print(f"> {question}")
            await ask(manager, session.id, question)
            usage = await manager.context_usage(session.id)
            print(f"[{usage.used_tokens} of {usage.window_tokens or '?'} tokens, {usage.provenance}]\n")


async def ask(manager: SessionManager, session_id: str, question: str) -> None:
    """Print an answer while it comes. Whoever does not want to watch writes ``await turn.wait()`` instead."""
    with manager.subscribe(session_id) as watcher:
        await manager.send(session_id, question)
        async for batch in watcher.batches():
            for event in batch:
                match event:
                    case TextAdded(text=text):
                        print(text, end="", flush=True)
                    case TurnFinished():
                        print()
                        return
                    case TurnFailed(answer=answer):
                        print(f"\nThat went wrong: {answer.failure and answer.failure.sentence}")
                        return


if __name__ == "__main__":
    asyncio.run(converse(ToolAgent(), sys.argv[1:] or ["What is 17 * 23?"]))
