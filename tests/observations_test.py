"""Tests that no number of a time step is ever one that its type cannot hold."""

import contextlib

import numpy as np
import pytest
import scene_rigs

import dm_deepmimic
from dm_deepmimic import EndReason, environment, errors, loading

WALK = "humanoid3d_walk"
SCENES = (WALK, scene_rigs.TARGET, scene_rigs.DRIBBLE, scene_rigs.STRIKE)
TYPES = (np.float16, np.float32, np.float64)
SWEEPS = [
    pytest.param(name, dtype, marks=() if name == WALK else pytest.mark.slow)
    for name in SCENES
    for dtype in TYPES
]
HUGE = (-1e308, 1e5, 1e20, 1e39, 1e155, 1e308)
KNEE = 19  # where the right knee's angle is in a pose
CAUSES = {
    np.float16: "a number is not finite, or beyond 65504",
    np.float32: "a number is not finite, or beyond 3.40282e+38",
    np.float64: "a number is not finite",
}
ENTRIES = {
    "height": lambda core, huge: core.set_pose(changed(core.get_pose(), 1, huge)),
    "place": lambda core, huge: core.set_pose(changed(core.get_pose(), 0, huge)),
    "angle": lambda core, huge: core.set_pose(changed(core.get_pose(), KNEE, huge)),
    "velocity": lambda core, huge: core.set_vel(changed(core.get_vel(), 1, huge)),
    "velocities": lambda core, huge: core.set_vel(np.full(43, huge)),
    "spin": lambda core, huge: core.set_vel(changed(core.get_vel(), 4, huge)),
    "joint's spin": lambda core, huge: core.set_vel(changed(core.get_vel(), KNEE, huge)),
    "force": lambda core, huge: core.set_body_forces(changed(np.zeros((15, 6)), (8, 1), huge)),
    "forces": lambda core, huge: core.set_body_forces(np.full((15, 6), huge)),
    "box": lambda core, huge: core.throw_box(
        1.0, core.get_pose()[:3], np.clip([huge, 0.0, huge], -1e6, 1e6)
    ),
}


def changed(numbers: np.ndarray, at, number: float) -> np.ndarray:
    numbers = numbers.copy()
    numbers[at] = number
    return numbers


def numbers_of(timestep) -> np.ndarray:
    """Returns all numbers of a time step, as they are."""
    observation = timestep.observation
    parts = list(observation.values()) if isinstance(observation, dict) else [observation]
    parts += [] if timestep.reward is None else [timestep.reward, timestep.discount]
    return np.concatenate([np.ravel(part) for part in parts])


def record(core) -> dict:
    """Returns what observations are made of now."""
    amp = core.record_amp_obs_agent()
    return {"state": core.record_state(), "goal": core.record_goal(), "amp": amp}


def is_again(timestep, last: dict) -> bool:
    """Returns whether an observation is the same as another, each part of which has its type."""
    parts = timestep.observation.items()
    return all(np.array_equal(part, last[name].astype(part.dtype)) for name, part in parts)


def kind_of(name: str) -> str:
    return "dict" if name == WALK else "amp"


@pytest.fixture(scope="module")
def cores():
    """Returns a function that returns the core of a scene, the same each time."""
    with contextlib.ExitStack() as stack:
        known = {}

        def core_of(name: str):
            if name not in known:
                opened = loading.load_core(name, core="embedded", seed=0, **scene_rigs.HASTE[name])
                known[name] = stack.enter_context(contextlib.closing(opened))
            return known[name]

        yield core_of


@pytest.mark.parametrize(("name", "dtype"), SWEEPS)
class TestAnyNumber:
    def test_that_is_set_leaves_time_steps_finite(self, cores, name, dtype):
        core = cores(name)
        env = environment.Environment(core, dtype=dtype, observation=kind_of(name))
        for entry, enter in ENTRIES.items():
            for huge in HUGE:
                core.seed(3)
                env.reset()
                env.step(np.zeros(28))
                enter(core, huge)
                last = record(core)
                timestep = env.step(np.zeros(28))
                assert np.all(np.isfinite(numbers_of(timestep))), (entry, huge)
                if env.episode_info.get("cause") == CAUSES[dtype]:
                    assert is_again(timestep, last), (entry, huge)
                    assert env.episode_info["bodies"], (entry, huge)
                    assert (timestep.reward, timestep.discount) == (0.0, 0.0)

    def test_that_an_action_has_does_likewise(self, cores, name, dtype):
        core = cores(name)
        env = environment.Environment(core, dtype=dtype, observation=kind_of(name))
        for entry, joint in ((0, "chest"), (9, "right_knee"), (27, "left_elbow")):
            for huge in (*HUGE, 1e300):
                core.seed(3)
                env.reset()
                last = env.step(np.zeros(28)).observation
                timestep = env.step(changed(np.zeros(28), entry, huge))
                assert np.all(np.isfinite(numbers_of(timestep)))
                if env.episode_info.get("cause") == CAUSES[dtype]:
                    assert is_again(timestep, last)
                    assert env.episode_info["bodies"] == (joint,)


class TestTooLargeNumbers:
    @pytest.mark.parametrize("dtype", TYPES)
    @pytest.mark.parametrize("entry", ["velocities", "velocity", "spin"])
    def test_the_last_observation_comes_again_and_the_body_is_named(self, cores, dtype, entry):
        core = cores(scene_rigs.TARGET)
        env = environment.Environment(core, dtype=dtype, observation="amp")
        env.reset()
        last = env.step(np.zeros(28)).observation
        ENTRIES[entry](core, 1e308)
        timestep = env.step(np.zeros(28))
        assert env.end_reason is EndReason.INVALID and timestep.last()
        assert is_again(timestep, last)
        assert env.episode_info["cause"] == CAUSES[dtype]
        assert env.episode_info["bodies"] == ("root",)
        assert env.reset().first() and env.step(np.zeros(28)).mid()

    @pytest.mark.parametrize("height", [1e5, -1e5])
    def test_a_height_that_float16_cannot_hold(self, cores, height):
        core = cores(WALK)
        for dtype in TYPES:
            env = environment.Environment(core, dtype=dtype, observation="dict")
            env.reset()
            last = env.step(np.zeros(28)).observation
            core.set_pose(changed(core.get_pose(), 1, height))
            timestep = env.step(np.zeros(28))
            assert is_again(timestep, last) == (dtype is np.float16)
            if dtype is np.float16:
                assert env.end_reason is EndReason.INVALID
                assert env.episode_info["bodies"] == ("root",)

    @pytest.mark.parametrize("joint", [6, 9, 12])
    def test_a_number_that_is_not_finite_names_its_body(self, cores, joint):
        core = cores(WALK)
        env = environment.Environment(core, observation="dict")
        person, physics = core.batch.character, core.batch.worlds.physics
        for array in (physics.velocity, physics.pose):
            for number in (np.nan, np.inf, 1e308):
                env.reset()
                last = env.step(np.zeros(28)).observation
                array[0, person.skeleton.pose_offset[joint]] = number
                timestep = env.step(np.zeros(28))
                assert env.episode_info["bodies"] == (person.body_names[joint],)
                if env.episode_info["cause"] == CAUSES[np.float64]:
                    assert is_again(timestep, last)

    @pytest.mark.parametrize("body", [0, 4, 8, 14])
    @pytest.mark.parametrize("force", [1e9, 1e155, 1e300, 1e308])
    def test_a_force_names_the_body_that_it_pushes(self, cores, body, force):
        core = cores(WALK)
        env = environment.Environment(core, observation="dict")
        env.reset()
        env.step(np.zeros(28))
        core.set_body_forces(changed(np.zeros((15, 6)), (body, 1), force))
        env.step(np.zeros(28))
        assert env.end_reason is EndReason.INVALID
        assert env.episode_info["bodies"] == (core.batch.character.body_names[body],)

    def test_a_step_that_is_refused_leaves_the_last_finite_pose(self, cores):
        core = cores(WALK)
        core.reset()
        pose, velocity = core.get_pose(), core.get_vel()
        core.set_vel(np.full(43, 1e308))
        np.testing.assert_array_equal(core.get_pose(), pose)
        np.testing.assert_array_equal(core.get_vel(), velocity)
        assert core.end_reason() is EndReason.INVALID
        core.set_vel(velocity)
        assert core.end_reason() is EndReason.NONE

    def test_physics_stops_at_the_last_finite_step(self, cores):
        core = cores(WALK)
        core.reset()
        physics = core.batch.worlds.physics
        core.set_body_forces(np.full((15, 6), 1e308))
        for _ in range(3):
            core.update(1.0 / 600.0)
            assert np.all(np.isfinite(physics.pose)) and np.all(np.isfinite(physics.velocity))
        assert core.end_reason() is EndReason.INVALID


class TestFirstObservations:
    @pytest.mark.parametrize("distance", [1e200, 1e308])
    def test_one_with_a_number_whose_square_is_not_finite_is_refused(self, distance):
        with pytest.raises(errors.CoreError) as caught:
            dm_deepmimic.load(scene_rigs.TARGET, core="embedded", seed=0, max_target_dist=distance)
        assert str(caught.value) == (
            "The core 'embedded' began an episode with numbers that are not finite."
        )

    def test_after_one_that_was_refused_the_next_step_resets(self):
        with dm_deepmimic.load(scene_rigs.TARGET, core="embedded", seed=0, dtype=np.float16) as env:
            env.reset()
            env.step(np.zeros(28))
            clips = env.core.batch.scene.clips
            clips.poses[:, 1] += 1e5
            with pytest.raises(errors.CoreError) as caught:
                env.reset()
            assert str(caught.value) == (
                "The core 'embedded' began an episode with numbers that are not finite, or beyond "
                "65504."
            )
            assert np.all(np.abs(env.core.record_state()) <= 65504)
            clips.poses[:, 1] -= 1e5
            with pytest.raises(errors.CoreError):
                env.step(np.zeros(28))
            assert env.step(np.zeros(28)).first()


class TestBatches:
    def test_a_world_whose_numbers_are_too_large_ends_alone(self):
        """The others go on bitwise as without it."""
        rows = []
        for is_harmed in (False, True):
            with dm_deepmimic.load_batch(
                scene_rigs.TARGET, 3, seed=0, dtype=np.float16, observation="amp"
            ) as batch:
                batch.reset()
                last = batch.step(np.zeros((3, 28)))
                if is_harmed:
                    velocity = batch.core.worlds.velocity.copy()
                    velocity[1] = 1e308
                    batch.core.place(velocity=velocity)
                else:
                    batch.core.place()
                timestep = batch.step(np.zeros((3, 28)))
                rows.append(timestep)
                if is_harmed:
                    infos = batch.episode_infos
                    assert infos["end_reason"][1] == EndReason.INVALID
                    assert infos["bodies"][1] == ("root",)
                    assert infos["cause"][1] == CAUSES[np.float16]
                    assert (timestep.reward[1], timestep.discount[1]) == (0.0, 0.0)
                    for name, part in timestep.observation.items():
                        assert np.all(np.isfinite(part))
                        np.testing.assert_array_equal(part[1], last.observation[name][1])
                    assert batch.step(np.zeros((3, 28))).step_type.tolist() == [1, 0, 1]
        for name in rows[0].observation:
            unharmed, beside = (row.observation[name][[0, 2]] for row in rows)
            np.testing.assert_array_equal(unharmed, beside)


class TestTypes:
    @pytest.mark.parametrize("weight", [1e5, 1e300])
    def test_rewards_that_a_type_cannot_hold_are_refused(self, weight):
        options = {"core": "embedded", "seed": 0, "reward_weights": {"pose": weight}}
        with pytest.raises(errors.CoreError) as caught:
            dm_deepmimic.load(WALK, dtype=np.float16, **options)
        assert str(caught.value) == (
            f"Expected rewards up to 65504, the largest float16, got {weight:g}."
        )
        with dm_deepmimic.load(WALK, dtype=np.float64, **options) as env:
            env.reset()
            assert np.isfinite(env.step(np.zeros(28)).reward)

    def test_clips_that_a_type_cannot_hold_give_no_samples(self, cores):
        core = cores(scene_rigs.TARGET)
        env = environment.Environment(core, dtype=np.float16)
        velocities = core.batch.scene.clips.velocities
        assert np.all(np.isfinite(env.sample_expert(5)))
        before = velocities.copy()
        velocities[:] = 7e4
        with pytest.raises(errors.CoreError) as caught:
            env.sample_expert(5)
        velocities[:] = before
        assert str(caught.value) == (
            "The clips of the core 'embedded' have numbers that are not finite, or beyond 65504."
        )

    def test_a_state_with_numbers_that_a_type_cannot_hold_is_refused(self, cores):
        core = cores(WALK)
        wide = environment.Environment(core, dtype=np.float64)
        wide.reset()
        core.set_pose(changed(core.get_pose(), 1, 7e4))
        state = wide.get_state()
        wide.set_state(state)
        with dm_deepmimic.load(WALK, core="embedded", seed=0, dtype=np.float16) as env:
            env.reset()
            pose = env.core.get_pose()
            with pytest.raises(errors.StateError) as caught:
                env.set_state(state)
            np.testing.assert_array_equal(env.core.get_pose(), pose)
        assert str(caught.value).startswith(
            "Expected numbers of at most 65504 in 'state' of a state, got 7"
        )
