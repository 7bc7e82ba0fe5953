"""Tests of policies by name."""

import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import policies, policy
from dm_deepmimic.viewer import __main__ as app
from dm_deepmimic.viewer.playback import Playback

WALK = "humanoid3d_walk"
CHECKPOINT = "data/policies/humanoid3d/humanoid3d_walk.ckpt"


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def network(inputs: int, outputs: int) -> policy.Policy:
    return policy.Policy(
        state_size=inputs,
        goal_size=0,
        input_mean=np.zeros(inputs, np.float32),
        input_std=np.ones(inputs, np.float32),
        layers=((np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)),),
        action_mean=np.zeros(outputs, np.float32),
        action_std=np.ones(outputs, np.float32),
    )


class TestPolicies:
    def test_the_built_in_ones_act(self, core):
        state = np.zeros(core.get_state_size())
        zero, reference = (
            policies.open_policy(name, core, seed=0)(state) for name in ("zero", "reference")
        )
        assert not np.any(zero)
        expected = core.reference_actions([core.get_clip_time() + 1.0 / 30.0])[0]
        np.testing.assert_array_equal(reference, expected)

    def test_a_random_one_stays_within_bounds_and_follows_its_seed(self, core):
        def actions(seed: int) -> np.ndarray:
            acts = policies.open_policy("random", core, seed)
            return np.array([acts(np.zeros(1)) for _ in range(10)])

        assert np.all(actions(0) >= core.build_action_bound_min())
        assert np.all(actions(0) <= core.build_action_bound_max())
        np.testing.assert_array_equal(actions(0), actions(0))
        assert np.any(actions(0) != actions(1))

    def test_a_function_of_a_module_in_the_working_folder(self, tmp_path, monkeypatch):
        (tmp_path / "my_policies.py").write_text("def stand(observation):\n    return 3\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", sys.path.copy())
        assert policies.read_policy("my_policies:stand")(None) == 3
        with pytest.raises(ValueError, match="Expected a policy module:function, got my_policies:"):
            policies.read_policy("my_policies:walk")

    def test_a_checkpoint_of_2018_brings_its_layout(self):
        options = app.parse([WALK, "--core=embedded", f"--policy={CHECKPOINT}"])
        core, walk = app.open_core(options, enable_draw=False)
        try:
            assert core.get_action_size() == 36
            playback = Playback(core, walk)
            for _ in range(60):
                playback.step()
            assert core.get_time() == pytest.approx(1.0)
        finally:
            core.close()

    def test_the_examples_policies_are_found_in_their_folder(self, tmp_path):
        expected = network(226, 28)
        policy.write_policy(expected, tmp_path / policy.FILE)
        for name in (tmp_path, tmp_path / "checkpoint.npz", tmp_path / policy.FILE):
            assert policies.read_policy(str(name)).action_size == 28

    def test_a_network_of_another_size_is_refused(self):
        with pytest.raises(ValueError) as error:
            policies.check_sizes(network(10, 28), 197, 28)
        assert str(error.value) == (
            "Expected a policy from 197 to 28 numbers for this scene, got one from 10 to 28. "
            "Is it of another layout?"
        )

    def test_pybullets_port_has_no_reference(self):
        with dm_deepmimic.load(WALK, core="pybullet", seed=0) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError, match="the policy 'reference'"):
                policies.open_policy("reference", environment.core, 0)
