"""Which leases are spared after the server was away."""

import math

import pytest

from brim.core.store import outages
from brim.core.store.outages import Outages


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1_000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(outages, "time", clock)
    return clock


def test_no_lease_is_spared_on_a_server_that_answers(clock):
    seen = Outages(30)
    for _ in range(10):
        clock.now += 10
        seen.heard()
        assert seen.spared_s() == 0


def test_leases_that_ended_while_the_server_was_away_are_spared_as_long_as_a_lease_lasts(clock):
    seen = Outages(30)
    clock.now += 7.5
    seen.heard()
    seen.asked()
    clock.now += 60
    assert seen.spared_s() == 60  # also by those who ask before anybody has heard it again
    seen.heard()
    for since_s in (0, 10, 20, 29):
        clock.now = 1_067.5 + since_s
        seen.heard()
        assert seen.spared_s() == 60 + since_s
    clock.now = 1_067.5 + 30
    assert seen.spared_s() == 0


def test_a_server_that_cannot_be_reached_is_away(clock):
    seen = Outages(30)
    for _ in range(40):
        clock.now += 0.5
        seen.asked()
        seen.failed()
    assert seen.spared_s() == 20
    seen.heard()
    assert seen.spared_s() == 20


def test_that_this_process_was_slow_is_no_outage(clock):
    seen = Outages(30)
    clock.now += 60
    assert seen.spared_s() == 0
    seen.asked()
    clock.now += 5
    assert seen.spared_s() == 0
    seen.heard()
    assert seen.spared_s() == 0


def test_all_leases_are_spared_while_a_server_has_just_begun(clock):
    seen = Outages(30, uptime_s=20)
    assert seen.spared_s() == math.inf
    clock.now += 9
    assert seen.spared_s() == math.inf
    clock.now += 1
    assert seen.spared_s() == 0
