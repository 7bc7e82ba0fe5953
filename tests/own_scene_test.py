"""Tests of a user's scene in a file of their own, the example."""

import importlib
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import EndReason, errors, presets
from dm_deepmimic.embedded import scenes
from dm_deepmimic.shapes import Role

EXAMPLE = pathlib.Path(__file__).parent.parent / "examples" / "own_scene.py"
WALK = "humanoid3d_walk"


@pytest.fixture
def own_scene(monkeypatch) -> Iterator[ModuleType]:
    """Returns the example, which is registered until the test ends."""
    monkeypatch.setattr(scenes, "_registered", {})
    monkeypatch.syspath_prepend(EXAMPLE.parent)
    yield importlib.import_module("own_scene")
    del sys.modules["own_scene"]


@pytest.fixture
def import_changed(monkeypatch, tmp_path):
    """Returns a function that imports the example with other words in it."""
    monkeypatch.setattr(scenes, "_registered", {})
    monkeypatch.syspath_prepend(tmp_path)

    def changed(*changes: tuple[str, str]) -> ModuleType:
        (tmp_path / "changed_scene.py").write_text(example(*changes))
        monkeypatch.delitem(sys.modules, "changed_scene", raising=False)
        return importlib.import_module("changed_scene")

    return changed


def example(*changes: tuple[str, str]) -> str:
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def load(**options) -> dm_deepmimic.Environment:
    return dm_deepmimic.load(WALK, core="embedded", scene="crouch", seed=0, **options)


def error_of_loading() -> str:
    with pytest.raises(errors.CoreError) as info:
        load()
    return str(info.value)


class TestScene:
    def test_it_has_a_goal_terms_keys_and_shapes_of_its_own(self, own_scene):
        with load(crouch_height_min=0.6, crouch_height_max=0.7, crouch_time=0.1) as environment:
            environment.reset()
            core, heights = environment.core, set()
            for _ in range(10):
                environment.step(np.zeros(core.get_action_size()))
                (height,) = core.record_goal()
                heights.add(height)
                (disc,) = (s for s in core.shapes() if s.role in (Role.TARGET, Role.REACHED))
                assert disc.position[1] == pytest.approx(height + 0.005)
            assert list(core.named_reward_terms()) == ["height", "pose"]
        assert len(heights) == 4 and 0.6 <= min(heights) and max(heights) <= 0.7

    def test_its_reward_is_the_weighted_sum_of_its_terms(self, own_scene):
        with load(reward_weights={"pose": 0.25}) as environment:
            environment.reset()
            timestep = environment.step(environment.core.reference_actions([0.0])[0])
            terms = environment.core.named_reward_terms()
            assert 0.0 < terms["pose"] < 1.0
            assert timestep.reward == pytest.approx(0.5 * terms["height"] + 0.25 * terms["pose"])

    def test_it_ends_as_it_says(self, own_scene):
        with load(crouch_patience=0.1, crouch_tolerance=1e-6) as environment:
            timestep = environment.reset()
            while not timestep.last():
                timestep = environment.step(np.zeros(environment.core.get_action_size()))
            assert environment.end_reason is EndReason.FAIL and timestep.discount == 0.0
            assert environment.core.get_time() == pytest.approx(0.1, abs=0.01)

    def test_its_keys_are_checked(self, own_scene):
        with pytest.raises(errors.ArgumentError) as info:
            load(crouch_height_min=2.0)
        assert str(info.value) == (
            "Expected at most crouch_height_max (0.9) for 'crouch_height_min' in override, got 2."
        )

    def test_worlds_of_a_batch_are_bitwise_single_environments(self, own_scene):
        kind = {"scene": "crouch", "crouch_time": 0.2, "crouch_patience": 1.0}
        actions = np.random.default_rng(3).normal(0.0, 0.4, (60, 3, 28))
        with dm_deepmimic.load_batch(WALK, 3, seed=5, **kind) as batch:
            singles = [
                dm_deepmimic.load(WALK, core="embedded", seed=5 + i, **kind) for i in (0, 1, 2)
            ]
            rows, expected, ends = batch.reset(), [single.reset() for single in singles], 0
            for step in actions:
                for index, row in enumerate(expected):
                    np.testing.assert_array_equal(rows.observation[index], row.observation)
                    assert rows.reward[index] == (0.0 if row.first() else row.reward)
                    assert batch.episode_infos["end_reason"][index] == singles[index].end_reason
                    ends += row.last()
                rows = batch.step(step)
                expected = [single.step(a) for single, a in zip(singles, step, strict=True)]
        assert ends > 3


class TestPresets:
    def test_they_load_by_their_names(self, own_scene):
        assert "crouch_walk" in presets.names()
        with dm_deepmimic.load("crouch_walk", core="embedded", seed=0) as environment:
            settings = environment.core.batch.settings
        assert settings.scene == "crouch" and settings.crouch_height_max == 0.8
        assert settings.motion_file == "data/motions/humanoid3d_walk.txt"

    def test_errors_in_them_say_where(self, import_changed):
        import_changed(("--crouch_height_max 0.8", "--crouch_height_max low"))
        with pytest.raises(errors.ArgumentError) as info:
            dm_deepmimic.load("crouch_walk", core="embedded")
        expected = (
            "Expected a number for 'crouch_height_max' in the preset crouch_walk:3, got 'low'."
        )
        assert str(info.value) == expected

    def test_a_name_is_taken_once(self, import_changed):
        with pytest.raises(ValueError) as info:
            import_changed(('"crouch_walk":', '"humanoid3d_run":'))
        assert str(info.value) == (
            "Expected a new name for a preset of 'crouch', got 'humanoid3d_run', which 'imitate' "
            "has."
        )


class TestRegistering:
    def test_a_scene_is_known_by_its_name_once_it_is_registered(self, own_scene):
        assert "crouch" in scenes.names()
        with pytest.raises(errors.UnknownNameError, match="Known scenes: crouch, dribble_amp,"):
            dm_deepmimic.load(WALK, core="embedded", scene="crawl")

    def test_an_unregistered_scene_is_unknown(self, monkeypatch):
        monkeypatch.setattr(scenes, "_registered", {})
        with pytest.raises(errors.UnknownNameError, match=r"Unknown scene 'crouch' in override\."):
            load()

    def test_a_name_is_taken_once(self, own_scene, import_changed):
        for name in ("crouch", "imitate"):
            scenes.register(own_scene)
            with pytest.raises(ValueError) as info:
                import_changed(('NAME, TITLE = "crouch"', f'NAME, TITLE = "{name}"'))
            message = f"Expected a new name for a scene, got '{name}', which exists."
            assert str(info.value) == message

    def test_a_scene_without_terms_is_none(self, import_changed):
        with pytest.raises(ValueError) as info:
            import_changed(("TERMS = ", "WEIGHTS = "))
        assert str(info.value) == "Expected a scene with 'TERMS', got changed_scene."

    def test_a_file_imported_anew_runs_anew(self, import_changed):
        poses = []
        for factor in ("1.0", "0.5"):
            import_changed(("= math.exp(-error)", f"= {factor} * math.exp(-error)"))
            with load() as environment:
                environment.reset()
                poses.append(environment.core.named_reward_terms()["pose"])
        assert poses[1] == 0.5 * poses[0] > 0.0

    def test_a_function_with_other_parameters_is_an_error(self, import_changed):
        with pytest.raises(ValueError) as info:
            import_changed(("def record(settings: Any, world: World, memory: Record)",
                            "def record(settings: Any, world: World)"))  # fmt: skip
        assert str(info.value) == (
            "Expected the parameters settings, world, memory of 'record' in changed_scene, got "
            "settings, world."
        )


class TestCodeThatDoesNotCompile:
    """Errors say which function of the scene it is, where it stands, and what is wrong with it."""

    def test_an_unknown_name(self, import_changed):
        where = place(import_changed(("math.exp(-error * error)", "exp(-error * error)")), "reward")
        reason = "NameError: name 'exp' is not defined"
        assert error_of_loading() == f"Expected code that compiles in {where}, got:\n{reason}"

    def test_a_field_that_the_memory_does_not_have(self, import_changed):
        module = import_changed(("memory.next_change += ", "memory.next += "))
        message = error_of_loading()
        assert message.startswith(
            f"Expected code that compiles in {place(module, 'start')}, got:\n"
        )
        assert "next" in message

    def test_a_key_that_the_settings_do_not_have(self, import_changed):
        module = import_changed(("+= settings.crouch_time", "+= settings.crouch_tim"))
        message = error_of_loading()
        assert message.startswith(
            f"Expected code that compiles in {place(module, 'start')}, got:\n"
        )
        assert "Unknown attribute 'crouch_tim'" in message
        line = module._change.py_func.__code__.co_firstlineno + 5
        assert re.search(rf'File ".*changed_scene.py", line {line}:', message)

    def test_an_end_without_a_reason(self, import_changed):
        module = import_changed((" else NONE\n", " else None\n"))
        got = "OptionalType(int64)"
        expected = f"Expected {place(module, 'end')} to return int64, got {got}."
        assert error_of_loading() == expected


def place(module: ModuleType, name: str) -> str:
    return f"{name!r} ({module.__file__}:{getattr(module, name).__code__.co_firstlineno})"


@pytest.mark.slow
class TestEdits:
    """Processes with a copy of the example and a cache of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def cache(cls, tmp_path_factory) -> pathlib.Path:
        return tmp_path_factory.mktemp("cache")

    @pytest.mark.parametrize(
        "arguments", [["own_scene.py"], ["-c", "import own_scene as s; s.main()"]]
    )
    def test_what_was_edited_compiles_anew_and_nothing_else_does(self, tmp_path, cache, arguments):
        """Run as a script and imported."""

        def run(text: str) -> tuple[list[str], int]:
            (tmp_path / "own_scene.py").write_text(text)
            before = kernels(cache)
            environ = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
            finished = subprocess.run(
                [sys.executable, *arguments], cwd=tmp_path, env=environ, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            assert finished.returncode == 0, finished.stderr
            return finished.stdout.splitlines(), len(kernels(cache) - before)

        first, compiled = run(example())
        assert compiled >= 2 and re.fullmatch(
            r" 0\.03 s, root to 0\.\d\d m: height 0\.\d{3}, pose 0\.\d{3}", first[0]
        )
        assert re.fullmatch(r"FALL, return \d+\.\d\d", first[-1])
        assert run(example()) == (first, 0)
        edited, compiled = run(example(("= math.exp(-error)", "= 0.5 * math.exp(-error)")))
        assert compiled >= 2
        for old, new in zip(first[:-1], edited[:-1], strict=True):
            assert float(new[-5:]) == pytest.approx(0.5 * float(old[-5:]), abs=0.001)


def kernels(cache: pathlib.Path) -> set[pathlib.Path]:
    return set(cache.glob("*/*.kernel"))
