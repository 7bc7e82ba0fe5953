"""Tests of the style reward: its formula, the mix, the specs, and what the wrapper passes on."""

import dm_env
import numpy as np
import pytest
from absl.testing import parameterized
from dm_env import test_utils

import dm_deepmimic
from dm_deepmimic import EndReason, style_reward

WALK, TARGET = "amp_humanoid3d_walk", "amp_target_humanoid3d_locomotion"
ACTION = np.zeros(28)


def height_logit(observations: np.ndarray) -> np.ndarray:
    """A discriminator that looks at the root's height alone."""
    return 2.0 * observations[..., 0] - 1.0


def styled(preset: str = TARGET, discriminator=height_logit, weights=None, **options):
    environment = dm_deepmimic.load(preset, seed=0, **options)
    return style_reward.StyleReward(environment, discriminator, **weights or {})


@pytest.fixture(name="target")
def target_fixture():
    with styled() as environment:
        yield environment


class ContractTest(test_utils.EnvironmentTestMixin, parameterized.TestCase):
    """dm_env's own contract, with actions that lead to falls."""

    preset, options = TARGET, {}

    def make_object_under_test(self):
        return styled(self.preset, **self.options)

    def make_action_sequence(self):
        spec = self.environment.action_spec()
        generator = np.random.default_rng(0)
        for _ in range(80):
            yield generator.uniform(0.2 * spec.minimum, 0.2 * spec.maximum).astype(spec.dtype)


CONTRACTS = [
    type(f"Contract_{preset}_{kind}", (ContractTest,), {"preset": preset, "options": options})
    for preset, kind, options in [
        (WALK, "flat", {}),
        (TARGET, "dict", {"observation": "dict"}),
        (TARGET, "amp", {"observation": "amp", "dtype": np.float32}),
    ]
]
globals().update({case.__name__: case for case in CONTRACTS})
del ContractTest


class TestFormula:
    @pytest.mark.parametrize(
        "logit, expected", [(1.0, 1.0), (0.0, 0.75), (2.0, 0.75), (-1.0, 0.0), (-3.0, 0.0), (9, 0)]
    )
    def test_style_reward_is_that_of_the_paper(self, logit, expected):
        assert style_reward.style_reward(logit) == expected

    def test_rows_are_rewarded_by_themselves(self):
        logits = np.linspace(-2.0, 4.0, 12).reshape(3, 4)
        rewards = style_reward.style_reward(logits)
        assert rewards.shape == (3, 4)
        for index, logit in np.ndenumerate(logits):
            assert rewards[index] == max(0.0, 1.0 - (logit - 1.0) ** 2 / 4.0)

    def test_a_logit_that_is_not_a_number_stays_visible(self):
        assert np.isnan(style_reward.style_reward(np.nan))


class TestMix:
    @pytest.mark.parametrize("kind", ["flat", "dict", "amp"])
    def test_reward_is_the_weighted_sum_of_both(self, kind):
        weights = {"task_weight": 0.25, "style_weight": 0.5, "scale": 3.0}
        bare = dm_deepmimic.load(TARGET, seed=0, observation=kind)
        with bare, styled(weights=weights, observation=kind) as environment:
            bare.reset()
            environment.reset()
            for _ in range(5):
                task = bare.step(ACTION).reward
                style = style_reward.style_reward(height_logit(bare.core.record_amp_obs_agent()))
                assert environment.step(ACTION).reward == 0.25 * task + 0.5 * 3.0 * style
                assert environment.task_reward == task
                assert environment.style_reward == style

    def test_amp_observation_is_the_one_that_was_judged(self):
        judged = []

        def discriminator(observations):
            judged.append(observations.copy())
            return 0.0

        with styled(discriminator=discriminator, observation="amp") as environment:
            for timestep in (environment.reset(), environment.step(ACTION)):
                np.testing.assert_array_equal(judged.pop(0), timestep.observation["amp"])
            np.testing.assert_array_equal(environment.amp_observation, timestep.observation["amp"])
        assert not judged

    def test_the_first_time_step_has_no_reward(self, target):
        assert target.reset().reward is None
        assert (target.task_reward, target.style_reward) == (0.0, 0.0)

    def test_a_batch_has_the_rewards_of_its_rows(self):
        with style_reward.StyleReward(
            dm_deepmimic.load_batch(TARGET, 3, num_threads=1, seed=0), height_logit
        ) as batch:
            rows = [
                style_reward.StyleReward(dm_deepmimic.load(TARGET, seed=seed), height_logit)
                for seed in batch.environment.seeds
            ]
            timesteps = [row.reset() for row in rows]
            first = batch.reset()
            assert first.reward.tolist() == [0.0, 0.0, 0.0]
            met = {dm_env.StepType.FIRST: 0, dm_env.StepType.LAST: 0}
            for _ in range(60):
                timestep = batch.step(np.zeros((3, 28)))
                timesteps = [row.step(ACTION) for row in rows]
                assert timestep.reward.tolist() == [row.reward or 0.0 for row in timesteps]
                assert batch.style_reward.tolist() == [row.style_reward for row in rows]
                for row in timesteps:
                    met[row.step_type] = met.get(row.step_type, 0) + 1
            assert met[dm_env.StepType.FIRST] > 0 and met[dm_env.StepType.LAST] > 0
            for row in rows:
                row.close()


class TestSpecs:
    def test_reward_spec_is_that_of_the_mix(self):
        weights = {"task_weight": 0.25, "style_weight": 0.5, "scale": 3.0}
        with styled(weights=weights, dtype=np.float32) as environment:
            spec = environment.reward_spec()
            assert (float(spec.minimum), float(spec.maximum)) == (0.0, 1.75)
            assert spec.dtype == np.float32 and spec.name == "reward"
            environment.reset()
            spec.validate(environment.step(ACTION).reward)

    def test_the_range_of_the_task_is_kept_at_weight_one(self):
        weights = {"task_weight": 1.0, "style_weight": 0.0}
        bare = dm_deepmimic.load(TARGET, seed=0)
        with bare, styled(weights=weights) as environment:
            assert environment.reward_spec() == bare.reward_spec()

    def test_other_specs_are_the_environments(self, target):
        inside = target.environment
        assert target.observation_spec() is inside.observation_spec()
        assert target.action_spec() is inside.action_spec()
        assert target.discount_spec() is inside.discount_spec()
        assert target.amp_observation_spec() == inside.amp_observation_spec()
        assert target.control_timestep() == inside.control_timestep()


class TestForwarding:
    def test_the_core_and_the_end_are_the_environments(self, target):
        target.reset()
        assert target.core is target.environment.core
        assert target.end_reason is EndReason.NONE
        while not target.step(ACTION).last():
            pass
        assert target.end_reason is EndReason.FALL
        assert target.episode_info["bodies"]

    def test_the_return_is_that_of_the_mixed_reward(self, target):
        for _ in range(2):
            target.reset()
            total = sum(target.step(ACTION).reward for _ in range(4))
            assert target.episode_info["return"] == pytest.approx(total, rel=1e-12)
            assert target.episode_info["length"] == 4

    def test_expert_samples_are_the_environments(self, target):
        with dm_deepmimic.load(TARGET, seed=0) as bare:
            np.testing.assert_array_equal(target.sample_expert(4), bare.sample_expert(4))

    def test_closing_closes_the_environment_and_twice_does_no_harm(self):
        with styled() as environment:
            environment.close()
        with pytest.raises(dm_deepmimic.CoreError, match="this one was closed"):
            environment.environment.reset()

    def test_a_batch_has_no_single_end(self):
        inside = dm_deepmimic.load_batch(WALK, 2, num_threads=1, seed=0)
        with style_reward.StyleReward(inside, height_logit) as environment:
            environment.reset()
            sentence = "Expected a single environment: the wrapped one is a batch."
            with pytest.raises(AttributeError, match=sentence):
                environment.end_reason  # noqa: B018
            assert environment.environment.episode_infos["end_reason"].tolist() == [0, 0]


class TestErrors:
    def test_a_scene_without_discriminator_observations_is_refused(self):
        with dm_deepmimic.load("humanoid3d_walk", seed=0) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError, match="discriminator observations"):
                style_reward.StyleReward(environment, height_logit)

    @pytest.mark.parametrize("name", ["task_weight", "style_weight", "scale"])
    @pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
    def test_weights_are_checked(self, name, value):
        with dm_deepmimic.load(WALK, seed=0) as environment:
            with pytest.raises(ValueError) as caught:
                style_reward.StyleReward(environment, height_logit, **{name: value})
        assert str(caught.value) == f"Expected a finite {name} of at least 0, got {value!r}."

    @pytest.mark.parametrize(
        ("dtype", "weights", "sentence"),
        [
            (
                np.float16, {"style_weight": 300.0, "scale": 300.0},
                "Expected rewards up to 65504, the largest float16, got 90000.5.",
            ),
            (
                np.float64, {"style_weight": 1e200, "scale": 1e200},
                "Expected rewards up to 1.79769e+308, the largest float64, got inf.",
            ),
        ],
    )  # fmt: skip
    def test_rewards_that_the_type_cannot_hold_are_refused(self, dtype, weights, sentence):
        with dm_deepmimic.load(WALK, seed=0, dtype=dtype) as environment:
            with pytest.raises(ValueError) as caught:
                style_reward.StyleReward(environment, height_logit, **weights)
        assert str(caught.value) == sentence

    def test_logits_of_another_shape_are_refused(self):
        with styled(discriminator=lambda observations: observations[..., :1]) as environment:
            with pytest.raises(ValueError) as caught:
                environment.reset()
        expected = "Expected logits of shape () for observations of shape (226,), got (1,)."
        assert str(caught.value) == expected


class TestBadDiscriminators:
    def test_what_cannot_be_called_is_refused(self):
        with pytest.raises(ValueError) as error:
            styled(discriminator=5)
        assert str(error.value) == "Expected a callable discriminator, got 5."

    @pytest.mark.parametrize("logit", [np.nan, np.inf, None, 1j])
    def test_logits_that_are_no_finite_numbers_are_refused(self, logit):
        with styled(discriminator=lambda observations: np.array(logit)) as environment:
            with pytest.raises(ValueError, match="Expected finite real logits, got"):
                environment.reset()

    @pytest.mark.parametrize("weight", ["x", None, -1.0, np.nan])
    def test_weights_are_numbers(self, weight):
        with pytest.raises(ValueError, match="Expected a finite scale of at least 0, got"):
            styled(weights={"scale": weight})

    def test_observations_have_the_environments_type(self):
        seen = []

        def discriminator(observations):
            seen.append(observations.dtype)
            return height_logit(observations)

        with styled(discriminator=discriminator, dtype=np.float32) as environment:
            environment.reset_to(time=0.1)
            assert environment.sample_expert(3).dtype == environment.amp_observation.dtype
        assert set(seen) == {np.dtype(np.float32)} and environment.core_name == "embedded"


def test_a_state_keeps_the_return_of_the_mixed_reward():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        wrapped = style_reward.StyleReward(environment, lambda seen: np.zeros(seen.shape[:-1]))
        wrapped.reset()
        for _ in range(3):
            wrapped.step(np.zeros(28))
        state, info = wrapped.get_state(), wrapped.episode_info
        reward = wrapped.step(np.zeros(28)).reward
        wrapped.set_state(state)
        assert wrapped.episode_info == info and info["return"] > 0.0
        assert wrapped.step(np.zeros(28)).reward == reward
        with pytest.raises(dm_deepmimic.StateError, match=r"a state with 'style\.return'"):
            wrapped.set_state(environment.get_state())


def test_a_seed_reaches_the_environment():
    with dm_deepmimic.load(TARGET, seed=1) as bare, dm_deepmimic.load(TARGET, seed=9) as other:
        environment = style_reward.StyleReward(bare, height_logit)
        timestep = environment.reset(seed=9)
        np.testing.assert_array_equal(timestep.observation, other.reset().observation)


def test_batches_that_hide_the_last_observations_are_refused():
    with dm_deepmimic.load_batch(TARGET, 2, seed=0, autoreset="same-step") as batch:
        with pytest.raises(ValueError) as raised:
            style_reward.StyleReward(batch, height_logit)
        assert str(raised.value) == (
            "Expected autoreset 'next-step' or 'disabled' of a batch, got 'same-step'."
        )
