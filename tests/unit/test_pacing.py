"""Paints come at once, then as far apart as they cost."""

from __future__ import annotations

import asyncio

from brim.tui.pacing import Pacer


class Clocks:
    """Clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.spent_s = 0.0


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_the_first_wake_draws_at_once_and_more_wakes_draw_once() -> None:
    drawn: list[int] = []
    pacer = Pacer(lambda: drawn.append(1), shortest_s=60.0)
    for _ in range(5):
        pacer.wake()
    await turn()
    assert drawn == [1]
    assert not pacer.waits


async def test_a_wake_too_soon_waits_its_time() -> None:
    clocks, drawn = Clocks(), list[int]()
    pacer = Pacer(lambda: drawn.append(1), shortest_s=60.0, clock=lambda: clocks.now_s)
    pacer.wake()
    await turn()
    pacer.wake()
    await turn()
    assert (drawn, pacer.waits) == ([1], True)
    pacer.stop()
    assert not pacer.waits
    clocks.now_s += 60.0
    pacer.wake()
    await turn()
    assert drawn == [1, 1]


async def test_a_costly_paint_is_followed_by_a_longer_pause() -> None:
    clocks, drawn = Clocks(), list[int]()
    pacer = Pacer(
        lambda: drawn.append(1),
        shortest_s=1.0,
        clock=lambda: clocks.now_s,
        cost_clock=lambda: clocks.spent_s,
    )
    pacer.wake()
    await turn()
    clocks.spent_s += 5.0
    pacer.painted()
    clocks.now_s += 14.9
    pacer.wake()
    await turn()
    assert (drawn, pacer.waits) == ([1], True)
    pacer.stop()
    clocks.now_s += 0.2
    pacer.wake()
    await turn()
    assert drawn == [1, 1]
