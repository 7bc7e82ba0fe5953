"""Tests of the viewer: its command line, and its window with keys and mouse really sent."""

import numpy as np
import pytest
from displays import FOLDER, PATIENCE, SIZE, Running, close_by_frame, needs_display, own_display
from pictures import blue

import dm_deepmimic
from dm_deepmimic.viewer import __main__ as app

WALK = "humanoid3d_walk"


@pytest.fixture(scope="module", name="display")
def display_fixture():
    with own_display("+extension", "GLX") as display:
        yield display


@pytest.fixture(name="viewer")
def viewer_fixture(display):
    options = (WALK, "--core=embedded", f"--size={SIZE[0]}x{SIZE[1]}", "--camera=side")
    with Running(display, str(FOLDER / "viewer_probe.py"), *options) as running:
        running.focus()
        yield running


def run(*arguments: str) -> str:
    """Returns the sentence that the program ends with."""
    with pytest.raises(SystemExit) as error:
        app.main([WALK, "--core=embedded", *arguments])
    return str(error.value)


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

    def test_files_alone_need_no_scene(self, tmp_path, monkeypatch, crane_json, write_json):
        still = [0.5, *[0.0] * 3, *[1.0, 0.0, 0.0, 0.0] * 2, 0.0, 0.0]
        write_json(crane_json, "crane.txt")
        write_json(crane_json, "other.txt")
        write_json({"Frames": [still, still]}, "clip.txt")
        write_json({"Motions": [{"File": "clip.txt"}]}, "set.txt")
        monkeypatch.chdir(tmp_path)
        for words in (
            ["clip.txt", "--character=other.txt"], ["set.txt", "--set=character_file=other.txt"],
            [WALK, "--play", "--set=motion_file=clip.txt", "--character=other.txt"], ["other.txt"],
        ):  # fmt: skip
            player, acts = app.open_core(app.parse(words), enable_draw=False)
            assert player.character.path == tmp_path / "other.txt" and acts is None
        with pytest.raises(dm_deepmimic.ArgumentError, match="--character names one"):
            app.open_core(app.parse(["clip.txt"]), enable_draw=False)
        with pytest.raises(ValueError) as error:
            app.open_core(app.parse([WALK, "--character=other.txt"]), enable_draw=False)
        assert str(error.value) == "Expected --character for a clip alone only."

    def test_a_record_is_a_clip_of_what_was_done(self, tmp_path):
        path = tmp_path / "done.txt"
        app.main([WALK, "--core=embedded", "--seed=5", f"--record={path}", "--seconds=0.4"])
        with dm_deepmimic.load(WALK, core="embedded", seed=0) as environment:
            environment.reset(seed=5)
            acts = dm_deepmimic.policies.open_policy("reference", environment.core, 0)
            expected = [environment.core.get_pose()]
            for _ in range(12):
                environment.step(acts(None))
                expected.append(environment.core.get_pose())
        player = dm_deepmimic.load_player(path)
        assert not player.clip.loops
        np.testing.assert_allclose(player.clip.poses, expected, atol=1e-9)
        np.testing.assert_allclose(player.clip.times, np.arange(13) / 30.0, atol=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["--record=a.npz"], "Expected a clip named .txt, got 'a.npz'."),
            (["--record=no/a.txt"], "Expected a file in a folder that exists, got 'no/a.txt'."),
            (["--seconds=3"], "Expected --seconds with --video, --html or --record only."),
        ],
    )
    def test_records_that_cannot_be_written(self, arguments, sentence):
        assert run(*arguments) == f"dm-deepmimic-view: {sentence}"

    def test_a_clip_alone_is_not_recorded(self):
        with pytest.raises(SystemExit) as error:
            app.main([WALK, "--play", "--record=a.txt"])
        assert str(error.value) == (
            "dm-deepmimic-view: Expected no --record for a clip alone, which has no agent."
        )

    def test_the_default_policy_is_one_that_the_core_can(self):
        core, acts = app.open_core(app.parse([WALK, "--core=pybullet"]), enable_draw=False)
        assert not np.any(acts(np.zeros(197)))
        core.close()


@needs_display
@pytest.mark.slow
class TestViewer:
    def test_every_key_does_what_the_help_says(self, viewer):
        viewer.key("space")
        paused = viewer.wait(lambda state: state["paused"])
        first = viewer.picture()
        rows, columns = np.nonzero(blue(first))
        assert len(rows) > 300 and abs(columns.mean() - SIZE[0] / 2) < 100

        viewer.key("greater", "greater", "greater")
        later = viewer.wait(lambda state: round((state["time"] - paused["time"]) * 60) == 3)
        viewer.key("less", "less")
        assert viewer.wait(lambda state: state["back"] == 2)["time"] == later["time"]
        viewer.key("greater", "greater")
        viewer.wait(lambda state: state["back"] == 0)

        for ghost in ("over", "beside", "off"):
            viewer.key("g")
            viewer.wait(lambda state, ghost=ghost: state["ghost"] == ghost)
        for shown in (True, False):
            viewer.key("h")
            viewer.wait(lambda state, shown=shown: state["help"] is shown)
        for follows in (False, True):
            viewer.key("c")
            viewer.wait(lambda state, follows=follows: state["follows"] is follows)

        viewer.key("comma", "comma", "comma")
        viewer.wait(lambda state: state["speed"] == 0.85)
        viewer.key("period")
        viewer.wait(lambda state: state["speed"] == 0.9)
        viewer.key("slash")
        viewer.wait(lambda state: state["speed"] == 1.0)

        viewer.key("r")
        viewer.wait(lambda state: state["time"] == 0.0)
        viewer.key("x", "x", "greater")
        viewer.wait(lambda state: state["roles"].count("BOX") == 2)

        viewer.key("space")
        viewer.wait(lambda state: not state["paused"] and state["time"] > 0.2)
        assert np.any(viewer.picture() != first)

        viewer.key("l")
        viewer.wait(lambda state: state["core"] != paused["core"])
        viewer.key("q")
        viewer.wait(lambda state: state.get("ended"))
        assert viewer.process.wait(PATIENCE) == 0

    def test_the_mouse_pushes_and_moves_the_camera(self, viewer):
        viewer.key("space")
        camera = viewer.wait(lambda state: state["paused"])["camera"]
        rows, columns = np.nonzero(blue(viewer.picture()))
        target = np.argmin(np.abs(rows - np.median(rows)) + np.abs(columns - np.median(columns)))
        x, y = int(columns[target]), int(rows[target])
        viewer.point(x, y)
        viewer.mouse("mousedown", "1")
        viewer.wait(lambda state: state["pushed"] >= 0)
        viewer.point(x + 60, y - 30)
        force = viewer.wait(lambda state: state["force"][0] > 1.0)["force"]
        assert force[1] == pytest.approx(0.5 * force[0], rel=0.2)  # right is x from the side
        assert abs(force[2]) < 0.2 * force[0]
        viewer.mouse("mouseup", "1")
        viewer.wait(lambda state: state["pushed"] < 0 and not any(state["force"]))

        def drag(button: int) -> list[float]:
            before = viewer.state["camera"]
            viewer.point(60, 270)
            viewer.mouse("mousedown", str(button))
            viewer.point(120, 290)
            after = viewer.wait(lambda state: state["camera"] != before)["camera"]
            viewer.mouse("mouseup", str(button))
            return [b - a for a, b in zip(before, after, strict=True)]

        assert viewer.state["camera"] == camera
        for button in (2, 1):  # on the floor the left one orbits too
            turn = drag(button)
            assert turn[0] == pytest.approx(-36.0) and turn[1] == pytest.approx(-12.0)
        pan = drag(3)
        assert pan[:3] == [0.0, 0.0, 0.0] and max(map(abs, pan[3:])) > 0.1
        distance = viewer.state["camera"][2]
        viewer.mouse("click", "4")
        viewer.wait(lambda state: state["camera"][2] == pytest.approx(0.95 * distance))
        viewer.mouse("click", "5")
        viewer.wait(lambda state: state["camera"][2] == pytest.approx(0.95 * 1.05 * distance))

    def test_closing_the_window_by_its_frame_ends_the_program(self, viewer, display):
        close_by_frame(display["DISPLAY"], int(viewer.window))
        viewer.wait(lambda state: state.get("ended"))
        assert viewer.process.wait(PATIENCE) == 0

    def test_the_window_can_change_its_size(self, viewer):
        viewer.mouse("windowsize", viewer.window, "300", "200")
        viewer.wait(lambda state: state["size"] == [300, 200])
