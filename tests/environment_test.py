"""Tests of the environment: dm_env's contract, ends and discounts, actions, replay."""

import itertools

import dm_env
import numpy as np
import pytest
from absl.testing import absltest, parameterized
from dm_env import test_utils

import dm_deepmimic
from dm_deepmimic import EndReason, presets
from dm_deepmimic.embedded import memory

WALK = "humanoid3d_walk"


@pytest.fixture(name="walk")
def walk_fixture():
    with dm_deepmimic.load(WALK, seed=0) as environment:
        yield environment


def reference_action(environment, ahead: float = 1.0 / 30.0) -> np.ndarray:
    time = environment.core.batch.worlds.rows["clip_time"][0] + ahead
    return environment.core.reference_actions(time)[0]


def run_to_end(environment, action=None) -> dm_env.TimeStep:
    timestep = environment.reset()
    while not timestep.last():
        timestep = environment.step(reference_action(environment) if action is None else action)
    return timestep


def episode(environment, num_steps: int = 30) -> list[np.ndarray]:
    """Returns all numbers of one episode under fixed random actions."""
    actions = np.random.default_rng(7).normal(0.0, 0.5, (num_steps, 28))
    rows = [environment.reset().observation]
    for action in actions:
        timestep = environment.step(action)
        rows += [timestep.observation, timestep.reward, timestep.discount]
        if timestep.last():
            break
    return rows


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class ContractTest(test_utils.EnvironmentTestMixin, parameterized.TestCase):
    """dm_env's own contract, with actions that lead to falls."""

    preset, options = WALK, {}

    def make_object_under_test(self):
        return dm_deepmimic.load(self.preset, seed=1, **self.options)

    def make_action_sequence(self):
        spec = self.environment.action_spec()
        generator = np.random.default_rng(0)
        for _ in range(80):
            yield generator.uniform(0.2 * spec.minimum, 0.2 * spec.maximum).astype(spec.dtype)


CONTRACTS = [
    type(
        f"Contract_{preset}_{'_'.join(options)}".rstrip("_"),
        (ContractTest,),
        {"preset": preset, "options": options},
    )
    for preset, options in [
        *((name, {}) for name in presets.names()),
        (WALK, {"observation": "dict"}),
        (WALK, {"time_limit": 0.2}),
        (WALK, {"dtype": np.dtype(np.float32)}),
        (WALK, {"mode": "test"}),
        (WALK, {"layout": "2018"}),
        (WALK, {"reset_args": {"noise_min": -0.02, "noise_max": 0.02, "radian": 0.1}}),
    ]
]
globals().update({case.__name__: case for case in CONTRACTS})
del ContractTest


class TestSpecs:
    def test_action_spec_has_the_cores_bounds_and_names(self, walk):
        spec = walk.action_spec()
        names = spec.name.split("\t")
        assert spec.shape == (28,) and len(names) == 28
        assert names[:3] == ["chest_x", "chest_y", "chest_z"]
        np.testing.assert_array_equal(spec.minimum, walk.core.build_action_bound_min())
        np.testing.assert_array_equal(spec.maximum, walk.core.build_action_bound_max())

    def test_only_the_phase_of_an_observation_is_bounded(self, walk):
        spec = walk.observation_spec()
        assert spec.shape == (227,)
        assert (spec.minimum[0], spec.maximum[0]) == (0.0, 1.0)
        assert np.all(np.isinf(spec.minimum[1:])) and np.all(np.isinf(spec.maximum[1:]))

    def test_reward_and_discount_are_within_0_and_1(self, walk):
        for spec in (walk.reward_spec(), walk.discount_spec()):
            assert (spec.shape, float(spec.minimum), float(spec.maximum)) == ((), 0.0, 1.0)

    def test_a_dictionary_holds_state_and_goal(self):
        with dm_deepmimic.load(WALK, seed=0, observation="dict") as environment:
            observation = environment.reset().observation
        assert observation["state"].shape == (227,) and observation["goal"].shape == (0,)

    def test_dtype_is_that_of_all_numbers(self):
        with dm_deepmimic.load(WALK, seed=0, dtype=np.float32) as environment:
            first = environment.reset()
            timestep = environment.step(np.zeros(28, np.float32))
        assert {first.observation.dtype, timestep.observation.dtype} == {np.dtype(np.float32)}
        assert timestep.reward.dtype == timestep.discount.dtype == np.float32


class TestEnds:
    def test_an_episode_in_progress_has_no_end_reason(self, walk):
        walk.reset()
        timestep = walk.step(reference_action(walk))
        assert timestep.mid() and timestep.discount == 1.0
        assert walk.end_reason is EndReason.NONE
        assert walk.episode_info["bodies"] == ()

    def test_a_fall_terminates_and_names_the_body(self, walk):
        timestep = run_to_end(walk, np.zeros(28))
        assert walk.end_reason is EndReason.FALL
        assert (timestep.reward, timestep.discount) == (0.0, 0.0)
        bodies = walk.episode_info["bodies"]
        assert bodies and set(bodies) <= set(walk.core.batch.character.body_names)
        assert not {"left_ankle", "right_ankle"} & set(bodies)

    def test_a_fall_cuts_its_control_step_short(self, walk):
        run_to_end(walk, np.zeros(28))
        updates = walk.core.get_time() * 600.0
        assert updates == pytest.approx(round(updates)) and round(updates) % 20 != 0

    def test_the_end_of_a_clip_without_loop_terminates_with_its_reward(self):
        with dm_deepmimic.load("humanoid3d_kick", seed=0, enable_fall_end=False) as environment:
            environment.reset_to(time=environment.core.get_motion_length() - 0.05)
            for _ in range(2):
                timestep = environment.step(reference_action(environment))
            assert timestep.last() and timestep.discount == 0.0 and timestep.reward > 0.3
            assert environment.end_reason is EndReason.CLIP_END
            assert environment.core.check_terminate().name == "Fail"

    def test_an_exploded_velocity_ends_with_reward_and_discount_0(self, walk):
        walk.reset()
        velocity = walk.core.get_vel()
        velocity[0:3] = [0.0, 90.0, 0.0]
        velocity[4] = 99.0
        walk.core.set_vel(velocity)
        timestep = walk.step(reference_action(walk))
        assert timestep.last() and (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert walk.end_reason is EndReason.INVALID
        assert len(walk.episode_info["bodies"]) == 1
        assert not walk.core.check_valid_episode()
        assert np.all(np.isfinite(timestep.observation))

    def test_numbers_that_are_not_finite_end_as_an_explosion(self, walk):
        walk.reset()
        walk.core.batch.worlds.physics.velocity[0, 5] = np.nan
        timestep = walk.step(reference_action(walk))
        assert timestep.last() and (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert walk.end_reason is EndReason.INVALID
        assert np.all(np.isfinite(timestep.observation))
        assert walk.reset().first() and np.all(np.isfinite(walk.step(np.zeros(28)).observation))

    def test_an_invalid_end_tells_its_cause(self, walk):
        walk.reset()
        assert "cause" not in walk.episode_info
        worlds = walk.core.batch.worlds
        worlds.physics.velocity[0, 5] = np.nan
        walk.step(reference_action(walk))
        assert walk.episode_info["cause"] == "a number is not finite"
        walk.reset()
        worlds.physics.velocity[0, 8] = 1e3
        walk.step(reference_action(walk))
        assert walk.episode_info["cause"] == "a velocity is above 100"
        assert walk.episode_info["bodies"]

    def test_more_pairs_in_contact_than_there_is_room_for_end_the_episode(self):
        with dm_deepmimic.load_batch(WALK, 2, seed=0, enable_fall_end=False) as batch:
            batch.reset()
            core, physics = batch.core, batch.core.worlds.physics
            small = core.worlds._replace(
                physics=physics._replace(
                    owners=physics.owners[:, :1].copy(), points=physics.points[:, :1].copy()
                )
            )
            core.memory = memory.Memory(core.settings, None, core.scene, small, (), core._threads)
            core.worlds.physics.pose[1, 1] += 3.0  # out of reach of the ground
            core.worlds.physics.pose[0, 1] -= 0.2
            timestep = batch.step(np.zeros((2, 28)))
            assert batch.episode_infos["end_reason"].tolist() == [EndReason.INVALID, EndReason.NONE]
            assert timestep.discount.tolist() == [0.0, 1.0] and timestep.reward[0] == 0.0
            assert batch.episode_infos["cause"].tolist() == [
                "pairs of shapes that touch: more than 1",
                None,
            ]
            assert np.all(batch.step(np.zeros((2, 28))).step_type == [0, 1])

    def test_a_huge_action_gives_finite_observations(self, walk):
        walk.reset()
        timestep = walk.step(np.full(28, 1e308))
        assert np.all(np.isfinite(timestep.observation))

    def test_the_timer_runs_on_after_an_explosion(self):
        """So that the original's loop over `is_episode_end` ends."""
        with dm_deepmimic.load(WALK, seed=0, time_limit=0.1, enable_fall_end=False) as environment:
            environment.reset()
            core = environment.core
            core.batch.worlds.physics.velocity[0, 5] = np.nan
            for _ in range(61):
                core.update(1.0 / 600.0)
            assert core.is_episode_end() and not core.check_valid_episode()
            assert environment.core.check_terminate().name == "Null"

    def test_a_time_limit_truncates(self):
        with dm_deepmimic.load(WALK, seed=0, time_limit=0.1) as environment:
            timestep = run_to_end(environment)
            assert environment.end_reason is EndReason.TIME_LIMIT
            assert timestep.discount == 1.0 and timestep.reward > 0.5
            assert environment.core.check_terminate().name == "Null"
            assert environment.core.is_episode_end()

    def test_success_has_discount_0(self):
        assert EndReason.SUCCESS.discount == 0.0
        assert EndReason.SUCCESS.terminate.name == "Succ"

    def test_falls_do_not_end_clips_on_the_ground(self):
        with dm_deepmimic.load("humanoid3d_roll", seed=0, time_limit=1.0) as environment:
            run_to_end(environment)
            assert environment.end_reason in (EndReason.TIME_LIMIT, EndReason.CLIP_END)

    def test_episode_info_counts_steps_and_return(self, walk):
        walk.reset()
        rewards, terms = [], []
        for _ in range(3):
            rewards.append(walk.step(reference_action(walk)).reward)
            terms.append(walk.core.named_reward_terms())
        assert walk.episode_info == {
            "end_reason": EndReason.NONE,
            "bodies": (),
            "length": 3,
            "return": pytest.approx(sum(rewards)),
            "time": pytest.approx(0.1),
            "reward_terms": terms[-1],
            "term_returns": {
                name: pytest.approx(sum(step[name] for step in terms)) for name in terms[0]
            },
        }


class TestSteps:
    def test_a_step_before_reset_resets(self, walk):
        assert walk.step(np.zeros(28)).first()

    def test_a_step_after_the_last_resets(self, walk):
        run_to_end(walk, np.zeros(28))
        assert walk.step(np.zeros(28)).first()
        assert walk.step(reference_action(walk)).mid()

    def test_a_step_is_one_control_period(self, walk):
        walk.reset()
        walk.step(reference_action(walk))
        assert walk.core.get_time() == pytest.approx(walk.control_timestep()) == 1.0 / 30.0

    def test_observations_belong_to_the_caller(self, walk):
        first = walk.reset().observation
        copy = first.copy()
        walk.step(reference_action(walk))
        np.testing.assert_array_equal(first, copy)

    def test_the_loop_of_the_original_sees_the_same_transitions(self, walk):
        """A loop over updates of 1/600 s as DeepMimic's `update_world` runs it."""
        with dm_deepmimic.load(WALK, seed=0) as other:
            core = other.core
            timestep = walk.reset()
            core.reset()
            np.testing.assert_array_equal(core.record_state(), timestep.observation)
            while not timestep.last():
                action = reference_action(walk)
                timestep = walk.step(action)
                core.set_action(0, action)
                for _ in range(20):
                    core.update(1.0 / 60.0 / core.get_num_update_substeps())
                    if not core.check_valid_episode() or core.is_episode_end():
                        break
                np.testing.assert_array_equal(core.record_state(), timestep.observation)
                assert core.calc_reward() == timestep.reward
                assert core.need_new_action() or core.is_episode_end()
            assert core.end_reason() is walk.end_reason

    def test_closing_twice_does_no_harm(self):
        environment = dm_deepmimic.load(WALK, seed=0)
        environment.close()
        environment.close()


class TestActions:
    @pytest.mark.parametrize(
        ("action", "sentence"),
        [
            (np.zeros(27), "Expected an action of shape (28,), got shape (27,)."),
            (np.zeros((1, 28)), "Expected an action of shape (28,), got shape (1, 28)."),
            (None, "Expected an action of shape (28,), got shape ()."),
            (np.full(28, "x"), "Expected an action of dtype float64, got dtype <U1."),
            (np.zeros(28, complex), "Expected an action of dtype float64, got dtype complex128."),
            (
                np.where(np.arange(28) == 9, np.nan, 0.0),
                "Expected finite numbers in an action, got nan at (9,), right_knee.",
            ),
            (
                np.where(np.arange(28) == 0, -np.inf, 0.0),
                "Expected finite numbers in an action, got -inf at (0,), chest_x.",
            ),
        ],
    )
    def test_a_bad_action_is_refused_and_leaves_the_episode_unharmed(self, walk, action, sentence):
        walk.reset()
        walk.step(reference_action(walk))
        before = walk.core.get_pose(), walk.core.get_time(), walk.episode_info
        with pytest.raises(ValueError) as error:
            walk.step(action)
        assert type(error.value) is dm_deepmimic.ActionError and str(error.value) == sentence
        after = walk.core.get_pose(), walk.core.get_time(), walk.episode_info
        np.testing.assert_array_equal(before[0], after[0])
        assert before[1:] == after[1:]
        assert walk.step(reference_action(walk)).mid()

    @pytest.mark.parametrize(
        "action",
        [np.zeros(27), [0.0] * 27 + [[]], [True] * 28, [1j] * 28, ["x"] * 28, [10**400] * 28,
         [0.0] * 27 + [np.nan], np.full(28, np.longdouble("1e4000")), None],
    )  # fmt: skip
    def test_a_core_refuses_what_a_step_refuses_by_the_same_sentence(self, walk, action):
        walk.reset()
        target = walk.core.batch.worlds.pd_target.copy()
        with pytest.raises(dm_deepmimic.ActionError) as by_step:
            walk.step(action)
        with pytest.raises(dm_deepmimic.ActionError) as by_core:
            walk.core.set_action(0, np.array(action) if action is None else action)
        assert str(by_core.value) == str(by_step.value)
        np.testing.assert_array_equal(walk.core.batch.worlds.pd_target, target)

    def test_actions_out_of_bounds_are_taken_as_they_are(self):
        far = np.full(28, 100.0)
        with dm_deepmimic.load(WALK, seed=0) as free, dm_deepmimic.load(WALK, seed=0) as bounded:
            free.reset()
            bounded.reset()
            at_bounds = bounded.step(bounded.action_spec().maximum).observation
            assert not np.array_equal(free.step(far).observation, at_bounds)

    def test_clipped_actions_are_those_at_the_bounds(self):
        far = np.full(28, 100.0)
        with (
            dm_deepmimic.load(WALK, seed=0, clip_actions=True) as clipping,
            dm_deepmimic.load(WALK, seed=0) as free,
        ):
            clipping.reset()
            free.reset()
            bounds = free.action_spec().maximum
            np.testing.assert_array_equal(
                clipping.step(far).observation, free.step(bounds).observation
            )

    def test_integers_and_lists_are_numbers(self, walk):
        walk.reset()
        assert not walk.step([0] * 28).first()


class TestReplay:
    def test_equal_seeds_give_bitwise_equal_episodes(self):
        with dm_deepmimic.load(WALK, seed=3) as one, dm_deepmimic.load(WALK, seed=3) as other:
            for _ in range(3):
                assert same(episode(one), episode(other))

    def test_other_seeds_give_other_episodes(self):
        with dm_deepmimic.load(WALK, seed=3) as one, dm_deepmimic.load(WALK, seed=4) as other:
            assert not same(episode(one), episode(other))

    def test_environments_share_no_chance(self):
        with dm_deepmimic.load(WALK, seed=3) as alone:
            expected = [episode(alone) for _ in range(2)]
        with dm_deepmimic.load(WALK, seed=3) as one, dm_deepmimic.load(WALK, seed=5) as other:
            episodes = []
            for _ in range(2):
                episodes.append(episode(one))
                np.random.seed(0)
                episode(other)
        assert all(itertools.starmap(same, zip(expected, episodes, strict=True)))

    def test_nothing_survives_a_reset(self, walk):
        """The hundredth episode from one state is the first, whatever came between."""
        episodes = []
        for number in range(100):
            walk.reset_to(time=0.2)
            if number % 33 == 0:
                walk.core.seed(1)
                episodes.append(episode(walk))
            else:
                walk.step(np.full(28, 3.0 * (-1) ** number))
        assert all(same(episodes[0], other) for other in episodes[1:])

    def test_reseeding_restarts_the_episodes(self, walk):
        first = episode(walk)
        walk.core.seed(0)
        assert same(first, episode(walk))


if __name__ == "__main__":
    absltest.main()


def test_a_reset_with_a_seed_is_that_of_a_new_environment():
    with dm_deepmimic.load(WALK, seed=5) as environment, dm_deepmimic.load(WALK, seed=9) as other:
        environment.reset()
        environment.step(np.zeros(28))
        expected = [other.reset().observation for _ in range(2)]
        np.testing.assert_array_equal(environment.reset(seed=9).observation, expected[0])
        np.testing.assert_array_equal(environment.reset().observation, expected[1])


def test_resets_with_a_seed_are_alike_on_other_cores():
    with dm_deepmimic.load(WALK, core="pybullet", seed=5) as environment:
        first = environment.reset(seed=9).observation
        other = environment.reset().observation
        assert np.any(first != other)
        np.testing.assert_array_equal(environment.reset(seed=9).observation, first)
        np.testing.assert_array_equal(environment.reset().observation, other)


def test_a_reset_with_a_bad_seed_changes_nothing():
    with dm_deepmimic.load(WALK, seed=5) as environment:
        environment.reset()
        with pytest.raises(ValueError) as raised:
            environment.reset(seed=0.5)
        assert str(raised.value) == "Expected a whole number seed >= 0, got 0.5."
        assert environment.step(np.zeros(28)).mid()
