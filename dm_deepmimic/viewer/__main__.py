"""The standalone viewer: `dm-deepmimic-view`, or `python -m dm_deepmimic.viewer`."""

import argparse
import contextlib
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import capabilities, errors, kinds, loading, player, policies, scene_files
from dm_deepmimic import options as shared
from dm_deepmimic import policy as networks
from dm_deepmimic.environment import Environment
from dm_deepmimic.evaluation import clips, evaluating
from dm_deepmimic.policies import Policy
from dm_deepmimic.rendering import canvas, drawing, glut_window, offscreen
from dm_deepmimic.viewer import html, replays, video
from dm_deepmimic.viewer.playback import FRAME, SPEED_STEP, Playback

KEYS: canvas.Lines = (
    ("space", "pause"),
    ("> <", "a frame on, back"),
    ("r", "reset"),
    ("l", "reload the files"),
    (", . /", "slower, faster, real time"),
    *canvas.KEYS,
)
OF_AGENTS = ("policy", "layout", "core", "mode", "time_limit", "record")  # options


class Viewer:
    """A window in which a playback runs; it takes the keys of the original's viewer."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Opens the scene and the window.

        Raises:
            DeepMimicError: See `loading.load`.
            ValueError: The policy does not fit.
        """
        self._options = options
        self._canvas: canvas.Canvas | None = None
        with glut_window.ready(), contextlib.ExitStack() as opened:
            for opens in loading.opening_order(loading.entry(options.core or "auto")):
                if opens == "window":
                    title = f"DeepMimic: {options.scene}"
                    self._window = glut_window.Window(title, *options.size)
                    opened.callback(self._window.close)
                else:
                    self._core, policy = open_core(options, enable_draw=True)
                    opened.callback(self._core.close)
            self.playback = Playback(self._core, policy)
            if capabilities.ask(self._core, capabilities.TellsShapes) is not None:
                camera = drawing.CAMERAS[options.camera]
                self._canvas = canvas.Canvas(self.playback, KEYS, camera)
                self._canvas.ghost = options.ghost
                self.playback.values = self._canvas.values.append
            elif capabilities.ask(self._core, capabilities.DrawsItself) is None:
                raise errors.UnsupportedError("drawing", core=self._core.name)
            self._scene: Any = self._canvas or self._core
            self._scene.reshape(*options.size)
            opened.pop_all()
        self._window.set_scene(self, self.release)

    def run(self) -> None:
        """Plays until the window is closed."""
        self._clock = time.monotonic()
        try:
            self._window.run(self.tick)
        finally:
            self._window.close()
            self._core.close()

    def tick(self) -> float:
        """Plays what belongs to the time since the last call; returns how long to wait [s]."""
        now = time.monotonic()
        self.playback.advance(now - self._clock)
        self._clock = now
        return max(FRAME - (time.monotonic() - now), 0.0)

    def draw(self) -> None:
        """Draws the present frame."""
        self._scene.draw()

    def reshape(self, w: int, h: int) -> None:
        """Takes the window's size [pixels]."""
        self._scene.reshape(w, h)

    def keyboard(self, key: int, x: int, y: int) -> None:
        """Takes a key: its own, or one of the scene's."""
        playback, letter = self.playback, chr(key)
        if letter == " ":
            playback.paused = not playback.paused
        elif letter in "<>":
            playback.step_once(1 if letter == ">" else -1)
        elif letter in ",.":
            playback.change_speed(SPEED_STEP if letter == "." else -SPEED_STEP)
        elif letter == "/":
            playback.speed = 1.0
        elif letter == "r":
            self._let_go()
            playback.reset()
        elif letter == "l":
            self._reload()
        else:
            if letter == "x":
                playback.show_present()
            self._scene.keyboard(key, x, y)

    def mouse_click(self, button: int, state: int, x: int, y: int) -> None:
        """Takes a button."""
        self._scene.mouse_click(button, state, x, y)

    def mouse_move(self, x: int, y: int) -> None:
        """Takes the mouse."""
        self._scene.mouse_move(x, y)

    def release(self) -> None:
        """Frees what the window's context holds."""
        if self._canvas is not None:
            self._canvas.release()

    def _reload(self) -> None:
        """Reads all files again; while they are wrong, what was goes on."""
        self._let_go()
        old = self.playback
        try:
            core, policy = open_core(self._options, enable_draw=True)
            try:
                self.playback = Playback(core, policy)
            except BaseException:
                core.close()
                raise
        except Exception as error:  # a policy can raise anything
            print(f"Not reloaded: {error}", file=sys.stderr)
            self._say("not reloaded, see the terminal")
            return
        self.playback.paused, self.playback.speed = old.paused, old.speed
        self.playback.values = old.values
        self._core.close()
        self._core = core
        if self._canvas is None:
            self._scene = core
            core.reshape(*self._window.size)
        else:
            self._canvas.subject = self.playback
            self._canvas.values.clear()
        self._say("reloaded")

    def _say(self, message: str) -> None:
        if self._canvas is not None:
            self._canvas.message = message

    def _let_go(self) -> None:
        if self._canvas is not None:
            self._canvas.end_push()


def open_core(options: argparse.Namespace, enable_draw: bool) -> tuple[Any, Policy | None]:
    """Returns what plays, and who acts in it, if there is an agent."""
    if pathlib.Path(options.scene).suffix == ".npz":
        what = "an episode that is played again"
        shared.refuse(options, what, (*OF_AGENTS, "set", "character"))
        return replays.open_replay(options.scene)
    overrides = shared.overrides(options.set)
    if options.play or _is_alone(options):
        shared.refuse(options, "a clip alone, which has no agent", OF_AGENTS)
        if options.character is not None:
            overrides["character_file"] = options.character
        where = {"data_root": options.data_root, "seed": options.seed}
        return player.load_player(options.scene, **where, **overrides), None
    if options.character is not None:
        raise ValueError("Expected --character for a clip alone only.")
    policy: Policy | str | None = None
    if options.policy is not None:
        policy = policies.read_policy(options.policy, options.data_root)
    layout = options.layout
    if layout is None and isinstance(policy, networks.Policy):
        layout = policy.layout
    core = loading.load_core(
        options.scene,
        core=options.core or "auto",
        layout=layout,
        data_root=options.data_root,
        seed=options.seed,
        mode=options.mode or "train",
        time_limit=options.time_limit,
        enable_draw=enable_draw,
        **overrides,
    )
    if policy is None:
        knows = capabilities.ask(core, capabilities.KnowsActions) is not None
        policy = "reference" if knows else "zero"
    try:
        inputs = core.get_state_size(0) + core.get_goal_size(0)
        policies.check_sizes(policy, inputs, core.get_action_size(0))
        return core, policies.open_policy(policy, core, options.seed)
    except BaseException:
        core.close()
        raise


def _is_alone(options: argparse.Namespace) -> bool:
    """Returns whether what is shown is a file without an agent: of clips, or of a character."""
    path = scene_files.locate(options.scene, options.data_root, scene_files.FILE)
    if path is not None and kinds.of_file(path) in player.ALONE:
        return True
    parsed = scene_files.read_scene(options.scene, options.data_root).arguments
    return "scene" in parsed and parsed["scene"].values == ("kin_char",)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        "dm-deepmimic-view",
        description="Shows a scene in a window, or writes a video or a page of it.",
        epilog="Keys: " + "; ".join(f"{key}: {what}" for key, what in KEYS) + ".",
    )
    add = parser.add_argument
    add(
        "scene",
        help="a preset; an arg file; a clip, a set of clips or a character, to see without "
        "physics; or a file of episodes to play again: an invalid one that load(..., dump_dir=...) "
        "wrote, or a record of dm_deepmimic.evaluate",
    )
    add("--policy", help=policies.HELP + "; reference by default, zero where the core has none")
    add("--play", action="store_true", help="play the clip alone, without physics")
    add("--character", metavar="FILE", help="that a clip is of; by default the one whose frames "
        "are as long")  # fmt: skip
    add("--core", choices=loading.CORES, help="the simulator; auto by default")
    add("--layout", choices=("2018", "2021"), help="of states and actions; the policy's by default")
    add("--mode", choices=tuple(loading.MODES), help="train by default")
    add("--time-limit", type=float, metavar="S", help="of an episode; the arg file's by default")
    add("--seed", type=int, default=0)
    add("--data-root", type=pathlib.Path, help="folder of DeepMimic's data")
    add("--set", type=shared.override, action="append", metavar="KEY=VALUE",
        help="override a key of the arg file, such as num_sim_substeps=1")  # fmt: skip
    add("--camera", default="angle", choices=tuple(drawing.CAMERAS))
    add("--ghost", default="off", choices=drawing.GHOSTS, help="where to show the clip's character")
    add("--size", type=_size, default=(800, 450), metavar="WxH",
        help="of a window or video, 800x450 by default")  # fmt: skip
    file = parser.add_mutually_exclusive_group().add_argument
    file("--video", type=pathlib.Path, metavar="FILE", help="write an .mp4 or a .gif, no window")
    file("--html", type=pathlib.Path, metavar="FILE", help="write a page that plays it, no window")
    file("--record", type=pathlib.Path, metavar="FILE",
         help="write the poses of an episode as a clip of DeepMimic's, no window")  # fmt: skip
    add("--seconds", type=float, help="of the file, of a record at most, 10 by default")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the viewer."""
    options = parse(arguments)
    try:
        if options.video is not None or options.html is not None:
            _make_file(options)
            return
        if options.record is not None:
            _record(options)
            return
        if options.seconds is not None:
            raise ValueError("Expected --seconds with --video, --html or --record only.")
        Viewer(options).run()
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"dm-deepmimic-view: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _record(options: argparse.Namespace) -> None:
    clips.check_name(options.record)
    shared.check_folder(options.record)
    core, policy = open_core(options, enable_draw=False)
    assert policy is not None  # what has no agent refuses the option
    with Environment(core) as environment:
        clips.check(core, core.name)
        seconds = 10.0 if options.seconds is None else options.seconds
        ran = evaluating.run_episodes(
            environment, policy, episodes=1, seconds=seconds, seed=options.seed, keep_steps=True
        )
    clips.write(options.record, ran)


def _make_file(options: argparse.Namespace) -> None:
    seconds = 10.0 if options.seconds is None else options.seconds
    look: Any = {"camera": drawing.CAMERAS[options.camera], "ghost": options.ghost}
    if options.html is not None:
        html.check(options.html, seconds)
    else:
        video.check(options.video, seconds, options.size)
    core, policy = open_core(options, enable_draw=False)
    try:
        playback = Playback(core, policy)
        if options.html is not None:
            title = ", ".join(filter(None, (pathlib.Path(options.scene).name, options.policy)))
            html.record(playback, options.html, seconds, title=title, **look)
        else:
            video.record(playback, options.video, seconds, size=options.size, **look)
    finally:
        core.close()


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.split("x"))
        offscreen.check_size(width, height)
    except ValueError:
        expected = f"WIDTHxHEIGHT, each from 1 to {offscreen.MAX_SIZE} pixels"
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}") from None
    return width, height


if __name__ == "__main__":
    main()
