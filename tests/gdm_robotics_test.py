"""Tests of environment and policy for DeepMind's robotics interfaces, in their own run loop."""

import dataclasses
import itertools

import dm_env
import numpy as np
import pytest
import tree

import dm_deepmimic
from dm_deepmimic import policies

pytest.importorskip("gdm_robotics", reason="these interfaces need the extra gdmr")

from gdm_robotics.interfaces import types
from gdm_robotics.runtime import runloop

from dm_deepmimic.adapters.gdm_robotics import (
    GdmrEnvironment,
    GdmrPolicy,
    ResetOptions,
)

WALK = "humanoid3d_walk"


@pytest.fixture(name="walk")
def walk_fixture():
    with GdmrEnvironment(dm_deepmimic.load(WALK, seed=3)) as environment:
        yield environment


class Log:
    """An episodic logger that checks all it sees against the specs."""

    def __init__(self, environment, policy):
        self._spec = environment.timestep_spec()
        (self._action_spec, _), _ = policy.step_spec(self._spec)
        self.episodes = []

    def reset(self, timestep):
        self._check(timestep)
        self._steps = [timestep]

    def record_action_and_next_timestep(self, action, next_timestep, policy_extra):
        self._action_spec.validate(action)
        assert policy_extra == {}
        self._check(next_timestep)
        self._steps.append(next_timestep)

    def write(self):
        self.episodes.append(self._steps)

    def _check(self, timestep):
        tree.map_structure(
            lambda spec, value: spec.validate(value), self._spec, types.TimeStepSpec(*timestep)
        )
        assert all(isinstance(part, np.ndarray) for part in tree.flatten(timestep))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_policy_of_the_zoo_walks_in_the_run_loop(dtype):
    act = policies.read_policy("zoo:walk")
    places = itertools.count()
    with (
        GdmrEnvironment(dm_deepmimic.load(WALK, seed=3, dtype=dtype)) as environment,
        dm_deepmimic.load(WALK, seed=3, dtype=dtype, mode="test") as expected,
    ):
        policy = GdmrPolicy(act, environment.action_spec())
        log = Log(environment, policy)
        loop = runloop.Runloop(
            environment, policy, [log],
            reset_options_provider=lambda: ResetOptions(frame=next(places), mode="test"),
        )  # fmt: skip
        loop.run(2)
        for frame, steps in enumerate(log.episodes):
            assert len(steps) == 602  # of the 20 s that a test lasts
            other = expected.reset_to(frame=frame)
            np.testing.assert_array_equal(steps[0].observation, other.observation)
            for timestep in steps[1:]:
                other = expected.step(np.asarray(act(other.observation), dtype))
                np.testing.assert_array_equal(timestep.observation, other.observation)
                assert (timestep.reward, timestep.discount) == (other.reward, other.discount)
            assert steps[-1].last() and steps[-1].discount == 1.0


def test_first_steps_have_what_goes_on(walk):
    first = walk.reset()
    assert first.step_type == dm_env.StepType.FIRST and first.first()
    assert (first.reward, first.discount) == (0.0, 1.0)
    spec = walk.timestep_spec()
    assert (spec.reward, spec.discount) == (walk.reward_spec(), walk.discount_spec())
    made = types.generate_valid_timestep_from_spec(spec)
    tree.assert_same_structure(tuple(made), tuple(first))


def test_a_fall_terminates_and_the_step_after_it_resets(walk):
    timestep = walk.reset()
    while not timestep.last():
        timestep = walk.step(np.zeros(28))
    assert timestep.discount == 0.0
    again = walk.step(np.zeros(28))
    assert again.first() and again.discount == 1.0


def test_observations_may_have_parts():
    scene = "amp_target_humanoid3d_locomotion"
    with GdmrEnvironment(dm_deepmimic.load(scene, seed=3, observation="dict")) as environment:
        timestep = environment.reset()
        tree.map_structure(
            lambda spec, value: spec.validate(value),
            environment.timestep_spec(), types.TimeStepSpec(*timestep),
        )  # fmt: skip
        assert timestep.observation.keys() == {"state", "goal"}


class TestResetOptions:
    def test_a_seed_and_a_place(self, walk):
        with dm_deepmimic.load(WALK, seed=11) as expected:
            for options, timestep in (
                (ResetOptions(seed=11), expected.reset()),
                (ResetOptions(), expected.reset()),
                (ResetOptions(frame=7), expected.reset_to(frame=7)),
                (ResetOptions(time=0.3), expected.reset_to(time=0.3)),
                (ResetOptions(seed=5, time=0.2), expected.reset_to(time=0.2)),
            ):
                given = walk.reset_with_options(options=options)
                np.testing.assert_array_equal(given.observation, timestep.observation)

    def test_a_clip_of_a_set(self):
        with GdmrEnvironment(dm_deepmimic.load("humanoid3d_all", core="embedded")) as environment:
            environment.reset_with_options(options=ResetOptions(clip=4))
            core = environment.environment.core
            assert core.tracking().clips.tolist() == [4]

    def test_a_mode_stays(self, walk):
        walk.reset_with_options(options=ResetOptions(mode="test"))
        walk.reset()
        assert walk.environment.core.mode == dm_deepmimic.core.Mode.TEST

    @pytest.mark.parametrize(("options", "sentence"), [
        (ResetOptions(mode="tests"), "Unknown mode 'tests'. Known modes: test, train."),
        (ResetOptions(mode="test", time=0.1, frame=2),
         "Expected a time or a frame, got time=0.1, frame=2."),
        (ResetOptions(mode="test", seed=-1), "Expected a whole number seed >= 0, got -1."),
        (ResetOptions(mode="test", seed=-1, frame=1), "Expected a whole number seed >= 0, got -1."),
        (ResetOptions(mode="test", seed=5, frame=10**6), "Expected a frame from 0 to "),
    ])  # fmt: skip
    def test_bad_ones_change_nothing(self, walk, options, sentence):
        walk.reset()
        before = walk.environment.get_state()
        with pytest.raises((ValueError, dm_deepmimic.CoreError)) as raised:
            walk.reset_with_options(options=options)
        assert str(raised.value).startswith(sentence)
        assert walk.environment.core.mode == dm_deepmimic.core.Mode.TRAIN
        after = walk.environment.get_state()
        for name, rows in before.rows.items():
            np.testing.assert_array_equal(rows, after.rows[name])
        assert walk.step(np.zeros(28)).mid()

    def test_they_are_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            ResetOptions().time = 1.0
