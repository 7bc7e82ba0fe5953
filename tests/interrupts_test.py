"""Tests of interruptions: wherever one comes, what was asked happened, or did not, or the episode
is over and the next call says so.
"""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import states

WALK = "humanoid3d_walk"
ZERO = np.zeros(28)
PACKAGE = os.path.dirname(dm_deepmimic.__file__)

# Steps that would take hours; an alarm interrupts, and the next step is measured.
ENDLESS = """
import signal, sys, time
import numpy as np
import dm_deepmimic

substeps = {"num_update_substeps": 10000, "num_sim_substeps": 10000}
if sys.argv[1] == "0":
    shape = (28,)
    environment = dm_deepmimic.load("humanoid3d_walk", core="embedded", seed=0, **substeps)
else:
    shape, options = (3, 28), substeps | {"num_threads": int(sys.argv[1])}
    environment = dm_deepmimic.load_batch("humanoid3d_walk", 3, seed=0, **options)
environment.reset()
signal.signal(signal.SIGALRM, signal.default_int_handler)
for _ in range(2):
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    before = time.monotonic()
    try:
        environment.step(np.zeros(shape))
    except KeyboardInterrupt:
        print(time.monotonic() - before)
    assert np.all(environment.step(np.zeros(shape)).first())
core = environment.core
signal.setitimer(signal.ITIMER_REAL, 1.0)
try:
    core.control_step()
except KeyboardInterrupt:
    pass
try:
    core.control_step()
except dm_deepmimic.CoreError as error:
    print(error)
environment.close()
"""


class Interruption:
    """Raises a KeyboardInterrupt at the n-th line of the package that a call runs."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.came = False

    def __enter__(self) -> "Interruption":
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, kind: type | None, *_: object) -> bool:
        sys.settrace(self._before)
        return kind is KeyboardInterrupt

    def _trace(self, frame, event: str, _: object):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.came = True
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._trace


def every_interruption(call, check, stride: int = 1) -> int:
    """Interrupts a call at each of its lines in turn, or at one in `stride`, and checks; returns
    how many lines there were.
    """
    for number in itertools.count(1, stride):
        with Interruption(number) as interruption:
            call()
        if not interruption.came:
            return number
        check()


def digest(environment) -> str:
    return states.fingerprint(tuple(environment.get_state().rows.items()))


@pytest.fixture(name="walk")
def walk_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        environment.step(ZERO)
        yield environment


class TestEveryLine:
    """Nothing of an interrupted call is left in the next episode or step."""

    def test_of_a_step(self, walk):
        state = walk.get_state()
        expected, later = (walk.step(ZERO).observation for _ in range(2))
        walk.set_state(state)
        outcomes = []

        def check() -> None:
            timestep = walk.step(ZERO)
            seen = timestep.observation.tobytes()
            if timestep.first():
                outcomes.append("over")
            else:
                outcomes.append({expected.tobytes(): "undone", later.tobytes(): "done"}[seen])
            walk.set_state(state)

        assert every_interruption(lambda: walk.step(ZERO), check) > 50
        # Only on its way out, when all has happened, is a step as if it had not been interrupted.
        order = [outcome for outcome, _ in itertools.groupby(outcomes)]
        assert order == ["undone", "over", "done"] and outcomes.count("done") <= 6
        walk.set_state(state)
        np.testing.assert_array_equal(walk.step(ZERO).observation, expected)

    def test_of_a_reset(self, walk):
        state = walk.get_state()
        expected = walk.reset().observation
        known = [walk.step(ZERO).observation.tobytes()]
        walk.set_state(state)
        known.append(walk.step(ZERO).observation.tobytes())
        walk.set_state(state)

        def check() -> None:
            timestep = walk.step(ZERO)
            assert timestep.first() or timestep.observation.tobytes() in known
            walk.set_state(state)

        assert every_interruption(walk.reset, check) > 50
        walk.set_state(state)
        np.testing.assert_array_equal(walk.reset().observation, expected)

    def test_of_a_state_that_is_set(self, walk):
        state = walk.get_state()
        for _ in range(5):
            walk.step(ZERO)
        walk.core.throw_box(0.2, (2.0, 1.0, 0.0), (0.0, 0.0, 0.0))
        later = walk.get_state()
        kinds = [digest(walk)]
        walk.set_state(state)
        kinds.append(digest(walk))
        expected = walk.step(ZERO).observation
        walk.set_state(later)

        def check() -> None:
            try:
                is_whole = digest(walk) in kinds
            except dm_deepmimic.CoreError as error:
                is_whole = False
                assert "expected a reset" in str(error)
            assert is_whole or walk.step(ZERO).first()
            walk.set_state(later)

        assert every_interruption(lambda: walk.set_state(state), check, stride=11) > 500
        walk.set_state(state)
        np.testing.assert_array_equal(walk.step(ZERO).observation, expected)

    def test_of_a_thrown_box(self, walk):
        """Freed memory was stepped in once."""
        state = walk.get_state()

        def throw() -> None:
            walk.core.throw_box(0.2, (0.5, 1.0, 0.0), (0.0, 0.0, 0.0))

        throw()
        thrown = [digest(walk), walk.step(ZERO).observation.tobytes()]
        walk.set_state(state)
        calm = [digest(walk), walk.step(ZERO).observation.tobytes()]
        walk.set_state(state)

        def check() -> None:
            now = [digest(walk), walk.step(ZERO).observation.tobytes()]
            assert now in (thrown, calm)
            walk.set_state(state)

        assert every_interruption(throw, check, stride=11) > 500

    @pytest.mark.parametrize("name", ["pose", "velocity", "forces"])
    def test_of_what_a_caller_sets(self, walk, name):
        core = walk.core
        numbers = {"pose": core.get_pose(), "velocity": core.get_vel(), "forces": np.ones((15, 6))}
        setter = {"pose": core.set_pose, "velocity": core.set_vel, "forces": core.set_body_forces}
        numbers[name][0] += 0.5
        state = walk.get_state()
        kinds = [digest(walk)]
        setter[name](numbers[name])
        kinds.append(digest(walk))
        walk.set_state(state)

        def check() -> None:
            try:
                assert digest(walk) in kinds
            except dm_deepmimic.CoreError as error:
                assert "expected a reset" in str(error)
            walk.set_state(state)

        assert every_interruption(lambda: setter[name](numbers[name]), check) > 15

    def test_of_a_batch(self):
        with dm_deepmimic.load_batch(WALK, 3, seed=0, num_threads=1) as batch:
            batch.reset()
            actions = np.zeros((3, 28))
            batch.step(actions)
            state = batch.get_state()
            known = [batch.step(actions).observation.tobytes() for _ in range(2)]

            def check() -> None:
                timestep = batch.step(actions)
                assert len(set(timestep.step_type)) == 1  # in all worlds alike
                assert np.all(timestep.first()) or timestep.observation.tobytes() in known
                batch.set_state(state)

            batch.set_state(state)
            assert every_interruption(lambda: batch.step(actions), check) > 50

    @pytest.mark.parametrize("autoreset", ["next-step", "same-step", "disabled"])
    def test_of_a_batch_s_step_in_which_a_world_ends(self, autoreset):
        actions = np.zeros((2, 28))
        with dm_deepmimic.load_batch(WALK, 2, seed=0, autoreset=autoreset) as batch:
            batch.reset()
            state = batch.get_state()
            while not batch.step(actions).last().any():
                state = batch.get_state()
            self.check_batch(batch, state, lambda: batch.step(actions))

    def test_of_a_batch_s_reset_of_a_part(self):
        mask = np.array([False, True])
        with dm_deepmimic.load_batch(WALK, 2, seed=0) as batch:
            batch.reset()
            state = batch.get_state()
            for call in (
                lambda: batch.reset(mask=mask, seed=3),
                lambda: batch.reset_to(time=0.3, mask=mask),
            ):
                self.check_batch(batch, state, call)

    def check_batch(self, batch, state, call) -> None:
        """Checks that an interrupted call happened, or did not, or that all episodes are over."""
        batch.set_state(state)
        known = [digest(batch)]
        call()
        known.append(digest(batch))
        batch.set_state(state)

        def check() -> None:
            assert batch.over.all() or digest(batch) in known
            batch.set_state(state)

        assert every_interruption(call, check) > 30


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such alarm")
@pytest.mark.parametrize("num_threads", [0, 1, 2])
def test_endless_steps_are_interrupted_within_a_second(num_threads):
    command = [sys.executable, "-c", ENDLESS, str(num_threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, second, *sentence = done.stdout.splitlines()
    assert 1.0 <= float(first) < 2.0 and 1.0 <= float(second) < 2.0
    expected = "The last step of this environment was interrupted: expected a reset."
    assert sentence == [expected]


class TestOtherThreads:
    """What a thread changes while another steps is refused, and changes nothing."""

    CALLS = (
        lambda environment: environment.step(ZERO),
        lambda environment: environment.reset(),
        lambda environment: environment.reset_to(time=0.5),
        lambda environment: environment.core.reset_time(0.3),
        lambda environment: environment.set_body_forces(np.ones((15, 6))),
        lambda environment: environment.core.throw_box(),
        lambda environment: environment.core.set_pose(environment.core.get_pose()),
        lambda environment: environment.core.set_vel(environment.core.get_vel()),
        lambda environment: environment.core.set_action(0, ZERO),
        lambda environment: environment.core.update(1.0 / 600.0),
        lambda environment: environment.core.seed(3),
        lambda environment: environment.get_state(),
        lambda environment: environment.close(),
    )

    @pytest.mark.parametrize("number", range(len(CALLS)))
    def test_each_call(self, walk, number):
        results, before = [], digest(walk)

        def run() -> None:
            try:
                self.CALLS[number](walk)
            except dm_deepmimic.CoreError as error:
                results.append(str(error))

        with walk.core.alone():
            thread = threading.Thread(target=run)
            thread.start()
            thread.join(60.0)
        assert results == ["Two threads used one environment at the same time."]
        assert digest(walk) == before
        assert walk.step(ZERO).mid()

    def test_a_storm_of_them(self, walk):
        """Every thread does all of it as often as it can; all that comes out is our sentence."""
        stop, wrong, refused = time.monotonic() + 2.0, [], []

        def run(seed: int) -> None:
            generator = np.random.default_rng(seed)
            while time.monotonic() < stop:
                call = self.CALLS[generator.integers(len(self.CALLS) - 1)]
                try:
                    call(walk)
                except dm_deepmimic.CoreError as error:
                    refused.append(str(error))
                except BaseException as error:
                    wrong.append(error)

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
        assert wrong == []
        assert set(refused) <= {"Two threads used one environment at the same time."}
        assert walk.reset().first() and walk.step(ZERO).mid()
