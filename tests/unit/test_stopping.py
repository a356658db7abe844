"""Signals: what must not be cut is not cut, and what waits is not forgotten."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from harness.stopping import Stopped, signals


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_outside_of_a_step_it_ends_at_once(number: int, code: int) -> None:
    with pytest.raises(Stopped) as stopped, signals():
        tell(number)
        pytest.fail("went on")
    assert stopped.value.code == code


def test_a_step_is_finished_first() -> None:
    steps = []
    with pytest.raises(Stopped), signals() as caught, caught.deferred():
        for step in range(5):
            if step == 2:
                tell(signal.SIGTERM)
            steps.append(step)
            caught.check()
    assert steps == [0, 1, 2]


def test_without_another_step_the_end_of_the_block_is_the_last_chance() -> None:
    with pytest.raises(Stopped), signals() as caught:
        with caught.deferred():
            tell(signal.SIGTERM)
        pytest.fail("went on")


def test_the_second_does_not_wait() -> None:
    with pytest.raises(Stopped), signals() as caught, caught.deferred():
        tell(signal.SIGINT)
        tell(signal.SIGINT)
        pytest.fail("went on")


def test_an_error_in_a_step_is_the_error_that_is_seen() -> None:
    with pytest.raises(ZeroDivisionError), signals() as caught, caught.deferred():
        tell(signal.SIGINT)
        raise ZeroDivisionError


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with signals():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_are_let_be() -> None:
    seen = []

    def run() -> None:
        with signals() as caught:
            caught.check()
            seen.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [True]
