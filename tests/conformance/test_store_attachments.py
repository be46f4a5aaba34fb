from brim.core.attachments import attachment, with_texts
from brim.core.parameters import Parameters
from brim.core.types import Carried, Message, QueuedPrompt, Session, Status

TEXT = attachment("a.py", b"print(1)\n", kind="text", media_type="text/x-python")
IMAGE = attachment("dot.png", b"\x89PNG...", kind="image", media_type="image/png", width_px=1, height_px=1)


async def _prompt(store, session, *attachments, parent=None):
    message = Message(
        role="user", content="look", session_id=session.id, attachments=attachments, parent_id=parent
    )
    await store.add_message(message)
    return message


async def test_the_same_data_is_kept_once_and_goes_with_the_last_message_that_has_it(store):
    first, second = Session(), Session()
    await store.add_session(first)
    await store.add_session(second)
    message = await _prompt(store, first, TEXT, IMAGE)
    await _prompt(store, second, TEXT.bare())

    stored = await store.message(message.id)
    assert [(one.name, one.kind, one.data) for one in stored.attachments] == [
        ("a.py", "text", b""),
        ("dot.png", "image", b""),
    ]
    assert await store.attachment_data([TEXT.id, IMAGE.id, "none"]) == {
        TEXT.id: TEXT.data,
        IMAGE.id: IMAGE.data,
    }

    await store.erase([first.id])
    assert await store.attachment_data([TEXT.id, IMAGE.id]) == {TEXT.id: TEXT.data}
    await store.erase([second.id])
    assert await store.attachment_data([TEXT.id, IMAGE.id]) == {}


async def test_a_fork_keeps_what_its_origin_had(store):
    session = Session(parameters=Parameters(temperature=0.5), persona="critic")
    await store.add_session(session)
    message = await _prompt(store, session, IMAGE)
    fork = await store.fork(message.id, "fork")
    await store.erase([session.id])
    assert fork.parameters.temperature == 0.5 and fork.persona == "critic"
    assert (await store.transcript(fork.id))[0].attachments == (IMAGE.bare(),)
    assert await store.attachment_data([IMAGE.id]) == {IMAGE.id: IMAGE.data}


async def test_a_queue_keeps_data_until_the_prompt_is_taken_out(store):
    session = Session()
    await store.add_session(session)
    queue = (QueuedPrompt(text="plain"), QueuedPrompt(text="with", attachments=(TEXT,)))
    session = await store.change_queue(session.id, added=queue)
    assert session.queued == (queue[0], QueuedPrompt(text="with", attachments=(TEXT.bare(),)))
    assert await store.attachment_data([TEXT.id]) == {TEXT.id: TEXT.data}
    await store.change_queue(session.id, dropped=queue[1:])
    assert await store.attachment_data([TEXT.id]) == {}


async def test_parameters_and_what_a_provider_wants_back_are_kept(store):
    session = Session()
    await store.add_session(session)
    asked = Parameters(temperature=0.0, stop=("END", "\ud800"), reasoning_effort="high")
    kept = await store.update_session(session.id, parameters=asked)
    assert kept.parameters == Parameters(temperature=0.0, stop=("END", "?"), reasoning_effort="high")

    answer = Message(role="assistant", session_id=session.id, status=Status.STREAMING)
    await store.add_message(answer)
    carried = Carried(protocol="anthropic", model="m", items=({"type": "thinking", "signature": "x"},))
    await store.finish_message(answer.model_copy(update={"status": Status.COMPLETE, "carried": carried}))
    assert (await store.message(answer.id)).carried == carried


def test_attached_texts_stand_under_their_names_and_cannot_end_their_frame():
    tricky = attachment("t.md", b"```\ncode\n```", kind="text", media_type="text/markdown")
    text = with_texts("Look:", [TEXT, IMAGE, tricky])
    assert text == "Look:\n\nFile a.py:\n```\nprint(1)\n```\n\nFile t.md:\n````\n```\ncode\n```\n````"


async def test_two_that_change_a_queue_lose_nothing_of_each_other(opened):
    first, second = await opened(), await opened()
    session = Session()
    await first.add_session(session)
    one, two, three = (QueuedPrompt(text=text) for text in ("one", "two", "two"))
    await first.change_queue(session.id, added=[one])
    await second.change_queue(session.id, added=[two, three])
    # The first still thinks that the queue holds what it put there.
    message = Message(role="user", content="one", session_id=session.id)
    kept = await first.add_message(message, taken=one)
    assert [prompt.text for prompt in kept.queued] == ["two", "two"]
    kept = await first.change_queue(session.id, dropped=[two, one])
    assert [prompt.text for prompt in kept.queued] == ["two"]
