import asyncio

from brim.core.events import (
    QueueChanged,
    ReasoningAdded,
    SummarySkipped,
    TextAdded,
    TurnFinished,
    TurnProgressed,
    TurnStarted,
)
from brim.core.hub import Hub
from brim.core.types import Message, QueuedPrompt


def text(value, message="a", session="s"):
    return TextAdded(session_id=session, message_id=message, text=value)


def progress(tokens):
    return TurnProgressed(
        session_id="s",
        message_id="a",
        output_tokens=tokens,
        output_estimated=True,
        speed=1.0,
        first_token_s=None,
        elapsed_s=1.0,
    )


async def take(subscription):
    async for batch in subscription.batches():
        return batch
    return None


async def test_waiting_texts_are_joined_and_order_is_kept():
    hub = Hub()
    watcher = hub.subscribe("s")
    queue = QueueChanged(session_id="s", prompts=(QueuedPrompt(text="x"),))
    for event in (
        text("a"),
        text("b"),
        queue,
        text("c"),
        ReasoningAdded(session_id="s", message_id="a", text="r"),
        text("d"),
        text("e"),
    ):
        hub.publish(event)
    assert await take(watcher) == [
        text("ab"),
        queue,
        text("c"),
        ReasoningAdded(session_id="s", message_id="a", text="r"),
        text("de"),
    ]


async def test_texts_of_two_messages_are_not_joined():
    hub = Hub()
    watcher = hub.subscribe("s")
    hub.publish(text("a", "one"))
    hub.publish(text("b", "two"))
    assert await take(watcher) == [text("a", "one"), text("b", "two")]


async def test_only_the_newest_progress_waits():
    hub = Hub()
    watcher = hub.subscribe("s")
    hub.publish(progress(1))
    hub.publish(progress(2))
    assert await take(watcher) == [progress(2)]


async def test_a_watcher_of_all_sessions_sees_no_detail():
    hub = Hub()
    everything, other = hub.subscribe(None), hub.subscribe("t")
    hub.publish(text("a"))
    hub.publish(progress(1))
    hub.publish(QueueChanged(session_id="s", prompts=()))
    assert await take(everything) == [QueueChanged(session_id="s", prompts=())]
    other.close()
    assert await take(other) is None


async def test_what_came_before_closing_can_be_taken_and_nothing_after():
    hub = Hub()
    with hub.subscribe("s") as watcher:
        hub.publish(text("a"))
    hub.publish(text("b"))
    assert [batch async for batch in watcher.batches()] == [[text("a")]]


async def test_a_waiting_watcher_wakes():
    hub = Hub()
    watcher = hub.subscribe("s")
    task = asyncio.create_task(take(watcher))
    await asyncio.sleep(0)
    hub.publish(text("a"))
    assert await task == [text("a")]


async def test_who_comes_later_finds_what_became_of_the_window_for_the_turn_that_runs():
    hub = Hub()
    prompt, answer = Message(role="user"), Message(role="assistant")
    skipped = SummarySkipped(session_id="s", sentence="Too long.")
    hub.publish(skipped)
    assert hub.subscribe("s").earlier == ()
    hub.publish(TurnStarted(session_id="s", prompt=prompt, answer=answer))
    hub.publish(skipped)
    assert hub.subscribe("s").earlier == (skipped,)
    assert hub.subscribe("other").earlier == hub.subscribe(None).earlier == ()
    hub.publish(TurnFinished(session_id="s", answer=answer))
    assert hub.subscribe("s").earlier == ()
