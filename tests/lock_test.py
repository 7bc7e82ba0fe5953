"""Tests of who may change an object."""

import os
import signal
import threading
import warnings

import pytest

from dm_deepmimic import errors
from dm_deepmimic.lock import Lock

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
SENTENCE = "Two threads used one environment at the same time."


def in_a_thread(function) -> list[object]:
    """Returns what a function returned or raised in a thread."""
    results = []

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30.0)
    return results


def in_a_fork(function) -> int:
    """Returns the exit status of a forked process that runs a function."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a hang ends as a failure
        try:
            function()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def enter(lock: Lock) -> None:
    with lock:
        pass


def test_another_thread_is_refused_and_may_enter_later():
    lock = Lock()
    with lock:
        (error,) = in_a_thread(lambda: enter(lock))
        assert isinstance(error, errors.CoreError) and str(error) == SENTENCE
    assert in_a_thread(lambda: enter(lock)) == [None]


def test_the_same_thread_enters_again():
    lock = Lock()
    with lock, lock:
        assert isinstance(in_a_thread(lambda: enter(lock))[0], errors.CoreError)
    assert in_a_thread(lambda: enter(lock)) == [None]


def test_an_error_inside_opens_it():
    lock = Lock()
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    assert in_a_thread(lambda: enter(lock)) == [None]


@FORKS
class TestForks:
    def test_a_fork_enters_though_a_thread_was_in_and_warns_once(self):
        lock, entered, leave = Lock(), threading.Event(), threading.Event()

        def hold() -> None:
            with lock:
                entered.set()
                leave.wait(30.0)

        def check() -> None:
            with pytest.warns(UserWarning, match="all copies of it draw the same random numbers"):
                enter(lock)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                enter(lock)

        holder = threading.Thread(target=hold)
        holder.start()
        entered.wait(30.0)
        assert in_a_fork(check) == 0
        with pytest.raises(errors.CoreError):
            enter(lock)
        leave.set()
        holder.join()
        enter(lock)

    def test_one_that_claims_it_is_not_warned(self):
        lock = Lock()

        def check() -> None:
            lock.claim()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                enter(lock)

        assert in_a_fork(check) == 0
