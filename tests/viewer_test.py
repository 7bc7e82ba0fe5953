"""Tests of the viewer's command line, its policies and its videos."""

import pathlib
import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import policy
from dm_deepmimic.rendering import canvas
from dm_deepmimic.viewer import __main__ as app
from dm_deepmimic.viewer import policies
from dm_deepmimic.viewer.playback import Playback

WALK = "humanoid3d_walk"
CHECKPOINT = "data/policies/humanoid3d/humanoid3d_walk.ckpt"


@pytest.fixture(name="core", scope="module")
def core_fixture():
    with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
        environment.reset()
        yield environment.core


def run(*arguments: str) -> str:
    """Returns the sentence that the program ends with."""
    with pytest.raises(SystemExit) as error:
        app.main([WALK, "--core=embedded", *arguments])
    return str(error.value)


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
        for name in (tmp_path, tmp_path / "checkpoint.pkl", tmp_path / policy.FILE):
            assert policies.read_policy(str(name)).action_size == 28

    def test_a_network_of_another_size_is_refused(self, core):
        size = core.get_state_size()
        with pytest.raises(ValueError) as error:
            policies.check_sizes(network(10, 28), core)
        assert str(error.value) == (
            f"Expected a policy from {size} to 28 numbers for this scene, got one from 10 to 28. "
            "Is it of another layout?"
        )

    def test_pybullets_port_has_no_reference(self):
        with dm_deepmimic.load(WALK, core="pybullet", seed=0) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError, match="the policy 'reference'"):
                policies.open_policy("reference", environment.core, 0)


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


class TestCommandLine:
    def test_overrides_are_python_values(self):
        options = app.parse(
            [WALK, "--set", "num_sim_substeps=1", "--set", "enable_self_collision=false",
             "--set", "timer_type=exp"]
        )  # fmt: skip
        assert options.set == [
            ("num_sim_substeps", 1), ("enable_self_collision", False), ("timer_type", "exp"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (
                ["--policy=fly"],
                "dm-deepmimic-view: Unknown policy name 'fly'. Known policy ",
            ),
            (["--policy=no.ckpt"], "dm-deepmimic-view: No checkpoint 'no.ckpt.index'. Looked for:"),
            (["--video=walk.avi"], "dm-deepmimic-view: Expected a video named .gif or .mp4, got"),
            (["--video=w.mp4", "--size=99x50"], "dm-deepmimic-view: Expected even sides of an "),
            (["--video=w.mp4", "--seconds=0"], "dm-deepmimic-view: Expected a video of 1/60 to"),
            (["--set", "gravity=1"], "dm-deepmimic-view: Expected "),
            (["--set", "seed=1"], "dm-deepmimic-view: Expected a key of the arg file in --set, "),
            (["--video=no/walk.gif"], "dm-deepmimic-view: Expected a video in a folder that "),
        ],
    )
    def test_mistakes_end_with_a_sentence(self, arguments, sentence):
        if not any(argument.startswith("--video") for argument in arguments):
            arguments = [*arguments, "--video=walk.gif"]
        assert run(*arguments).startswith(sentence)

    @pytest.mark.parametrize("scene", [[WALK, "--play"], ["clip.txt"]])
    def test_a_clip_plays_alone(self, scene, tmp_path, monkeypatch):
        (tmp_path / "clip.txt").write_text(
            "--scene kin_char\n--character_file data/characters/humanoid3d.txt\n"
            "--motion_file data/motions/humanoid3d_walk.txt\n"
        )
        monkeypatch.chdir(tmp_path)
        player, acts = app.open_core(app.parse(scene), enable_draw=False)
        assert isinstance(player, dm_deepmimic.player.ClipPlayer) and acts is None
        with pytest.raises(ValueError) as error:
            app.open_core(app.parse([*scene, "--policy=zero"]), enable_draw=False)
        assert str(error.value) == ("Expected no --policy for a clip alone, which has no agent.")

    def test_the_default_policy_is_one_that_the_core_can(self):
        core, acts = app.open_core(app.parse([WALK, "--core=pybullet"]), enable_draw=False)
        assert not np.any(acts(np.zeros(197)))
        core.close()

    def test_a_push_ends_with_its_window(self, core):
        seen = canvas.Canvas(canvas.CoreSubject(core))
        seen._pushed, seen._push = 3, np.ones(3)
        seen._apply_push(core.shapes())
        applied = core.batch.worlds.physics.push[0]
        assert np.abs(applied).sum() == pytest.approx(600.0)
        seen.release()
        assert not np.any(applied)


@pytest.mark.usefixtures("draws")
class TestVideos:
    @pytest.mark.parametrize(("name", "count"), [("walk.gif", 6), ("walk.mp4", 18)])
    def test_a_video_has_its_frames_and_they_move(self, tmp_path, name, count):
        imageio = pytest.importorskip("imageio.v2", reason="imageio writes videos")
        path = tmp_path / name
        app.main([WALK, "--core=embedded", f"--video={path}", "--seconds=0.3", "--size=128x96"])
        frames = [np.asarray(frame)[..., :3].astype(int) for frame in imageio.get_reader(path)]
        assert len(frames) == count and frames[0].shape == (96, 128, 3)
        assert np.abs(frames[-1] - frames[0]).max() > 50
        assert [each.name for each in tmp_path.iterdir()] == [name]

    def test_a_failure_leaves_the_old_video(self, tmp_path, monkeypatch):
        path = tmp_path / "walk.gif"
        path.write_bytes(b"old")

        def fail(*_):
            raise KeyError("in the middle")

        monkeypatch.setattr(Playback, "step", fail)
        with pytest.raises(KeyError):
            app.main([WALK, "--core=embedded", f"--video={path}", "--size=64x48"])
        assert path.read_bytes() == b"old"
        assert list(pathlib.Path(tmp_path).iterdir()) == [path]

    def test_what_draws_itself_has_no_video(self, tmp_path):
        from fake_core import FakeEnv

        class Drawing(FakeEnv):
            def draw(self):
                pass

        with dm_deepmimic.load(core=Drawing()) as environment:
            with pytest.raises(dm_deepmimic.UnsupportedError) as error:
                environment.render(mode="rgb_array")
        assert str(error.value) == (
            "The Drawing core does not support pictures without a window. It supports "
            "load(..., enable_draw=True)."
        )
