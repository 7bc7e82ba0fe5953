"""Tests of the viewer's playback, without a window."""

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic.shapes import Role
from dm_deepmimic.viewer.playback import FRAME, HISTORY, Playback

WALK = "humanoid3d_walk"


@pytest.fixture(name="core")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def hold(core):
    """Returns a policy that follows the clip."""
    return lambda _: core.reference_actions([core.get_clip_time() + 1.0 / 30.0])[0]


def root(playback: Playback) -> list[float]:
    return next(s.position for s in playback.shapes() if s.role is Role.BODY).tolist()


class TestClips:
    @pytest.fixture(name="playback")
    def playback_fixture(self):
        return Playback(dm_deepmimic.load_player(WALK))

    def test_a_clip_plays_in_real_time(self, playback):
        for _ in range(30):
            playback.advance(FRAME)
        assert playback.core.get_time() == pytest.approx(0.5)

    def test_speed_scales_time(self, playback):
        playback.speed = 0.25
        for _ in range(60):
            playback.advance(FRAME)
        assert playback.core.get_time() == pytest.approx(0.25)

    def test_a_negative_speed_goes_back(self, playback):
        playback.speed = -1.0
        for _ in range(30):
            playback.advance(FRAME)
        assert playback.core.get_time() == pytest.approx(-0.5)

    def test_a_pause_stands_still_until_it_ends(self, playback):
        playback.advance(0.5 * FRAME)
        playback.paused = True
        for _ in range(10):
            playback.advance(FRAME)
        assert playback.core.get_time() == 0.0
        playback.paused = False
        playback.advance(0.5 * FRAME)
        assert playback.core.get_time() == pytest.approx(FRAME)

    def test_a_step_pauses(self, playback):
        playback.step_once(1)
        playback.step_once(1)
        playback.step_once(-1)
        assert playback.paused and playback.core.get_time() == pytest.approx(FRAME)

    def test_a_slow_machine_falls_behind(self, playback):
        playback.advance(100.0)
        assert playback.core.get_time() == pytest.approx(15 * FRAME)

    def test_a_reset_begins_anew(self, playback):
        playback.step()
        playback.reset()
        assert playback.core.get_time() == 0.0


class TestSimulations:
    def test_frames_are_the_environments_steps(self, core):
        with dm_deepmimic.load(WALK, core="embedded", seed=7) as environment:
            environment.reset()
            poses = []
            for _ in range(5):
                environment.step(hold(environment.core)(None))
                poses.append(environment.core.get_pose())
        core.seed(7)
        playback = Playback(core, hold(core))
        for pose in poses:
            playback.step()
            playback.step()
            np.testing.assert_array_equal(core.get_pose(), pose)

    def test_steps_back_show_what_was_and_steps_forward_return(self, core):
        playback = Playback(core, hold(core))
        seen = [root(playback)]
        for _ in range(4):
            playback.step()
            seen.append(root(playback))
        for place in (3, 2, 1, 0, 0):
            playback.step(-1)
            assert root(playback) == seen[place]
        assert ("speed", "1.00 x, 0.07 s ago") in playback.lines()
        for place in (1, 2, 3, 4):
            playback.step()
            assert root(playback) == seen[place]
        assert core.get_time() == pytest.approx(4 * FRAME)
        playback.step()
        assert core.get_time() == pytest.approx(5 * FRAME)

    def test_history_is_bounded(self, core):
        playback = Playback(core, hold(core))
        for _ in range(HISTORY + 10):
            playback.step()
        for _ in range(HISTORY + 10):
            playback.step(-1)
        assert (HISTORY - 1) * FRAME == pytest.approx(playback._back * FRAME)

    def test_an_episodes_end_is_told_and_the_next_begins(self, core):
        playback = Playback(core, lambda _: np.zeros(core.get_action_size()))
        while "last end" not in dict(playback.lines()):
            playback.step()
        assert dict(playback.lines())["last end"].startswith("FALL ")
        assert core.get_time() == 0.0

    def test_the_return_is_the_environments(self, core):
        playback = Playback(core, hold(core))
        rewards = []
        for _ in range(6):
            playback.step()
            playback.step()
            rewards.append(core.calc_reward())
        assert dict(playback.lines())["return"] == f"{sum(rewards):.2f}"

    def test_a_policy_sees_state_and_goal_once_an_action(self):
        name = "amp_target_humanoid3d_locomotion"
        with dm_deepmimic.load(name, core="embedded", seed=0) as environment:
            core, seen = environment.core, []

            def policy(observation):
                seen.append(observation)
                return np.zeros(core.get_action_size())

            playback = Playback(core, policy)
            for _ in range(4):
                playback.step()
        assert [len(each) for each in seen] == 3 * [environment.observation_spec().shape[0]]

    def test_values_are_handed_on(self, core):
        class Critic:
            def __call__(self, observation):
                return np.zeros(core.get_action_size())

            def value(self, observation):
                return observation[0]

        values = []
        playback = Playback(core, Critic(), values.append)
        playback.step()
        playback.step()
        assert len(values) == 2 and values[0] < values[1]

    def test_pybullets_port_plays(self):
        with dm_deepmimic.load(WALK, core="pybullet", seed=0) as environment:
            playback = Playback(environment.core, lambda _: np.zeros(36))
            before = root(playback)
            for _ in range(6):
                playback.step()
            assert root(playback) != before
            assert environment.core.get_time() == pytest.approx(0.1)
