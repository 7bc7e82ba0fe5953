"""Tests of the threads that share the work on worlds."""

import os
import signal
import threading

import pytest

from dm_deepmimic import errors
from dm_deepmimic.embedded.threads import Threads


def parts_of(num_worlds: int, num_threads: int) -> list[tuple[int, int, int]]:
    """Returns first world, end and number of each part, in their order."""
    threads, calls = Threads(num_worlds, num_threads), []
    threads.run(lambda *part: calls.append(part))
    threads.close()
    assert len(calls) == threads.num_parts
    return sorted(calls)


def test_one_thread_takes_all_worlds_at_once():
    assert parts_of(5, 1) == [(0, 5, 0)]
    assert parts_of(1, 8) == [(0, 1, 0)]


@pytest.mark.parametrize(("num_worlds", "num_threads"), [(2, 2), (5, 2), (7, 3), (100, 3), (9, 64)])
def test_each_world_is_in_one_part(num_worlds, num_threads):
    parts = parts_of(num_worlds, num_threads)
    worlds = [world for first, last, _ in parts for world in range(first, last)]
    assert worlds == list(range(num_worlds))
    assert [part for *_, part in parts] == list(range(len(parts)))
    assert all(first < last for first, last, _ in parts)


def test_parts_run_at_the_same_time():
    threads, meeting = Threads(8, 2), threading.Barrier(2, timeout=30.0)
    assert threads.num_parts == 8
    threads.run(lambda *_: meeting.wait())
    threads.close()


@pytest.mark.parametrize("num_threads", [1, 2])
def test_an_error_comes_back_and_the_next_run_works(num_threads):
    def fail(first, last, part):
        raise ValueError(str(first))

    threads, calls = Threads(4, num_threads), []
    with pytest.raises(ValueError, match="0"):
        threads.run(fail)
    threads.run(lambda *part: calls.append(part))
    threads.close()
    assert len(calls) == threads.num_parts


def test_an_interruption_leaves_no_thread_in_a_world():
    """A run ends only when all its parts have, so that nobody steps beside a reset."""
    threads, running, ran = Threads(8, 2), [], []
    begun = threading.Event()

    def interrupted(first, last, part):
        if first == 0:
            begun.wait(30.0)
            raise KeyboardInterrupt
        running.append(part)
        begun.set()
        ran.append(part)
        running.remove(part)

    with pytest.raises(KeyboardInterrupt):
        threads.run(interrupted)
    assert running == [] and 0 < len(ran) < threads.num_parts and threads.halt[0] == 1
    threads.run(lambda *_: None)
    assert threads.halt[0] == 0
    threads.close()


def test_two_threads_are_refused():
    threads, sentences = Threads(2, 1), []

    def second():
        with pytest.raises(errors.CoreError) as error:
            threads.run(lambda *_: None)
        sentences.append(str(error.value))

    def first(*_):
        other = threading.Thread(target=second)
        other.start()
        other.join()

    threads.run(first)
    assert sentences == ["Two threads used one environment at the same time."]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_they_start_anew_after_a_fork():
    threads, calls = Threads(4, 2), []
    threads.run(lambda *_: None)
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a hang ends as a failure
        threads.run(lambda *part: calls.append(part))
        os._exit(0 if len(calls) == threads.num_parts else 1)
    assert os.waitpid(child, 0)[1] == 0
    threads.close()


def test_closing_twice_does_no_harm_and_a_run_starts_them_anew():
    threads, calls = Threads(2, 2), []
    for _ in range(2):
        threads.run(lambda *part: calls.append(part))
        threads.close()
        threads.close()
    assert len(calls) == 2 * threads.num_parts
