"""Work that goes on behind the screen, as Textual's workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.css.query import NoMatches

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual.dom import DOMNode
    from textual.worker import Worker


def work_behind(
    node: DOMNode,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    group: str = "default",
    exclusive: bool = False,
) -> Worker[None]:
    """Begin ``work`` behind the screen; it ends with ``node``.

    It is called when its turn comes: a coroutine made beforehand is never awaited where its worker is
    cancelled before that. What stands in a node is taken away before the node's workers are cancelled, so
    what work misses while its node is being taken away is no fault.

    Args:
        node: Whose work it is.
        work: What makes the coroutine.
        group: Workers of one name belong together.
        exclusive: Whether it takes the place of the others of its group.
    """

    async def working() -> None:
        try:
            await work()
        except NoMatches:
            if node.display:
                raise

    worker: Worker[None] = node.run_worker(working, group=group, exclusive=exclusive)
    return worker
