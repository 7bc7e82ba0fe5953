"""Tests of opening environments: names, seeds, time limits, overrides, and what importing costs."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

import dm_deepmimic
from dm_deepmimic import errors

WALK = "humanoid3d_walk"
TIMESTEP = 1.0 / 600.0


def num_updates(environment) -> int:
    """Returns the updates of an episode in which falls count for nothing."""
    environment.reset()
    core, count = environment.core, 0
    while not core.is_episode_end():
        core.update(TIMESTEP)
        count += 1
    return count


def load_free(**options):
    return dm_deepmimic.load(WALK, seed=0, enable_fall_end=False, **options)


class TestTimeLimit:
    def test_default_is_the_arg_files_end_limit(self):
        with dm_deepmimic.load(WALK, seed=0) as environment:
            environment.reset()
            assert environment.core.batch.worlds.rows["time_limit"][0] == 20.0

    def test_anneal_starts_with_the_arg_files_first_limit(self):
        with load_free(time_limit="anneal") as environment:
            assert num_updates(environment) == 301  # as the original's float sum has it

    @pytest.mark.parametrize(
        ("samples", "limit"),
        [(0, 0.5), (16_000_000, 0.5 + 19.5 / 16.0), (32_000_000, 20.0), (99_000_000, 20.0)],
    )
    def test_anneal_follows_the_sample_count_from_the_next_reset(self, samples, limit):
        with load_free(time_limit="anneal") as environment:
            environment.reset()
            environment.core.set_sample_count(samples)
            assert environment.core.batch.worlds.rows["time_limit"][0] == 0.5
            environment.reset()
            assert environment.core.batch.worlds.rows["time_limit"][0] == pytest.approx(limit)

    def test_test_mode_has_the_largest_end_limit(self):
        with load_free(time_limit="anneal", mode="test") as environment:
            environment.reset()
            assert environment.core.batch.worlds.rows["time_limit"][0] == 20.0

    def test_a_number_is_a_limit_in_seconds(self):
        with load_free(time_limit=0.25) as environment:
            assert num_updates(environment) in (150, 151)

    def test_an_exponential_timer_stays_within_its_bounds(self):
        options = {"timer_type": "exp", "time_end_lim_min": 0.1, "time_end_lim_max": 0.3}
        with load_free(**options, time_end_lim_exp=0.1) as environment:
            limits = []
            for _ in range(200):
                environment.reset()
                limits.append(environment.core.batch.worlds.rows["time_limit"][0])
        assert 0.1 < min(limits) < 0.12 and max(limits) == 0.3
        assert np.mean(limits) == pytest.approx(0.1 + 0.1 * (1 - np.exp(-2)), abs=0.02)

    def test_a_uniform_timer_fills_its_bounds(self):
        with load_free(time_end_lim_min=1.0, time_end_lim_max=3.0) as environment:
            limits = []
            for _ in range(200):
                environment.reset()
                limits.append(environment.core.batch.worlds.rows["time_limit"][0])
        assert 1.0 <= min(limits) < 1.1 and 2.9 < max(limits) <= 3.0

    @pytest.mark.parametrize("time_limit", [0, -1.0, "anneall", True, float("nan")])
    def test_other_values_are_refused(self, time_limit):
        with pytest.raises(ValueError) as error:
            dm_deepmimic.load(WALK, time_limit=time_limit)
        assert str(error.value) == (
            f"Expected a time_limit in seconds above 0, None or 'anneal', got {time_limit!r}."
        )


class TestNames:
    def test_an_unknown_core_lists_the_known(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as error:
            dm_deepmimic.load(WALK, core="bullet")
        assert (
            str(error.value)
            == "Unknown core 'bullet'. Known cores: auto, deepmimic, embedded, pybullet."
        )

    def test_an_unknown_mode_lists_the_known(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as error:
            dm_deepmimic.load(WALK, mode="play")
        assert str(error.value) == "Unknown mode 'play'. Known modes: test, train."

    def test_an_unknown_observation_lists_the_known(self):
        with pytest.raises(dm_deepmimic.UnknownNameError) as error:
            dm_deepmimic.load(WALK, observation="pixels")
        assert (
            str(error.value) == "Unknown observation 'pixels'. Known observations: amp, dict, flat."
        )

    @pytest.mark.parametrize(
        "dtype", [int, ">i8", None, "c8", object, "f4,f4", "(2,)f4", "bogus", {"names": ["a"]}, 3.0]
    )
    def test_a_type_of_other_numbers_is_refused(self, dtype):
        with pytest.raises(ValueError) as error:
            dm_deepmimic.load(WALK, dtype=dtype)
        assert str(error.value) == (
            f"Expected a dtype of real floating-point numbers, got {dtype!r}."
        )

    def test_a_type_in_another_byte_order_is_refused(self):
        swapped = np.dtype(np.float32).newbyteorder("S")
        for load_one in (dm_deepmimic.load, lambda *a, **b: dm_deepmimic.load_batch(*a, 2, **b)):
            with pytest.raises(ValueError) as error:
                load_one(WALK, dtype=swapped)
            assert str(error.value) == (
                f"Expected a dtype in this machine's byte order, got {swapped!r}."
            )

    @pytest.mark.parametrize("dtype", [np.float16, np.longdouble, "=f4", "d"])
    def test_all_real_types_are_those_of_specs_and_numbers(self, dtype):
        with dm_deepmimic.load(WALK, seed=0, dtype=dtype) as environment:
            environment.reset()
            timestep = environment.step(np.zeros(environment.action_spec().shape))
            environment.observation_spec().validate(timestep.observation)
            environment.reward_spec().validate(timestep.reward)
            environment.discount_spec().validate(timestep.discount)
            specs = environment.action_spec(), environment.reward_spec()
            assert {spec.dtype for spec in specs} == {timestep.reward.dtype} == {np.dtype(dtype)}

    def test_motions_that_are_nowhere_come_with_a_hint(self, monkeypatch):
        monkeypatch.setattr(dm_deepmimic.scene_files, "package_folders", lambda package: [])
        monkeypatch.delenv("DEEPMIMIC_DATA", raising=False)
        with pytest.raises(dm_deepmimic.AssetNotFoundError, match=r"dm_deepmimic\[clips\]"):
            dm_deepmimic.load(WALK)

    def test_what_is_no_core_is_refused(self):
        with pytest.raises(TypeError) as error:
            dm_deepmimic.load(WALK, core=5)
        assert str(error.value) == (
            "Expected a core's name (auto, deepmimic, embedded, pybullet), an object with the "
            "methods of DeepMimicEnv, or a function (arguments, enable_draw) that makes one, got 5."
        )

    def test_a_scene_is_needed_unless_the_core_has_one(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load()
        expected = "Expected a preset or an arg file for 'name_or_path' in load, got None."
        assert str(error.value) == expected


class TestFiles:
    def test_files_are_looked_for_beside_the_arg_file_that_names_them(self, tmp_path):
        outer, inner = tmp_path / "mine" / "walk.txt", tmp_path / "base" / "base.txt"
        for path in (outer, inner):
            path.parent.mkdir()
        data = pathlib.Path(dm_deepmimic.__file__).parent / "data"
        shutil.copy(data / "characters" / "humanoid3d.txt", inner.parent / "person.txt")
        base = data / "presets" / "humanoid3d.txt"
        inner.write_text(f"--character_files person.txt --arg_file {base}")
        outer.write_text("--scene imitate --arg_file ../base/base.txt --motion_file "
                         "data/motions/humanoid3d_walk.txt")  # fmt: skip
        with dm_deepmimic.load(outer, seed=0) as environment:
            found = environment.core.batch.character.path
            assert found.resolve() == (inner.parent / "person.txt").resolve()


class TestOverrides:
    def test_physics_can_run_at_600_hertz(self):
        with dm_deepmimic.load(WALK, seed=0, num_sim_substeps=1) as environment:
            timestep = environment.core.batch.scene.tree.timestep
            assert timestep == pytest.approx(1.0 / 600.0)
            environment.reset()
            assert environment.step(environment.core.reference_actions(0.1)[0]).mid()

    def test_characters_turn_at_reset_if_asked(self):
        with dm_deepmimic.load(WALK, seed=0, enable_rand_rot_reset=True) as environment:
            headings = []
            for _ in range(50):
                environment.reset()
                w, _, y, _ = environment.core.get_pose()[3:7]
                headings.append(2.0 * np.arctan2(y, w))
                assert environment.core.calc_reward() > 0.98
            assert np.ptp(np.mod(headings, 2 * np.pi)) > 5.0

    def test_a_turned_root_is_a_fall_if_asked(self):
        with dm_deepmimic.load(WALK, seed=0, enable_root_rot_fail=True) as environment:
            environment.reset()
            pose = environment.core.get_pose()
            pose[3:7] = [0.0, 0.0, 1.0, 0.0]
            environment.core.set_pose(pose)
            assert environment.core.check_terminate().name == "Fail"
            assert environment.core.calc_reward() == 0.0


class TestRoot:
    def test_the_root_starts_at_the_origin_and_the_reference_with_it(self):
        with dm_deepmimic.load(WALK, seed=0) as environment:
            for _ in range(20):
                environment.reset()
                pose, clip_pose = environment.core.get_pose(), environment.core.get_kin_pose()
                assert pose[0] == pose[2] == 0.0
                np.testing.assert_allclose(clip_pose[:3], pose[:3], atol=1e-12)

    def test_the_reference_meets_the_character_when_a_cycle_begins(self):
        with load_free() as environment:
            core = environment.core
            core.reset_time(core.get_motion_length() - 0.01)
            velocity = core.get_vel()
            velocity[0], velocity[2] = -2.0, 1.5
            core.set_vel(velocity)
            for _ in range(6):
                before = core.get_pose()
                core.update(TIMESTEP)
            np.testing.assert_allclose(core.get_kin_pose()[[0, 2]], before[[0, 2]], atol=1e-15)
            assert core.batch.worlds.rows["origin"][0, 1] == 0.0

    @pytest.mark.parametrize("time", [-0.1, float("nan"), float("inf"), 1e6, 1e308, 10**400])
    def test_a_reset_to_no_time_of_the_clip_is_refused(self, time):
        with load_free() as environment, pytest.raises(dm_deepmimic.CoreError) as error:
            environment.core.reset_time(time)
        got = errors.shown(time)
        assert str(error.value) == f"Expected a time from 0 to below 1e+06 s, got {got}."


class TestUpdates:
    def test_a_control_period_has_twenty_updates(self):
        with load_free() as environment:
            core = environment.core
            core.reset()
            assert core.need_new_action()
            needs = []
            for _ in range(200):
                core.update(TIMESTEP)
                needs.append(core.need_new_action())
            assert np.flatnonzero(needs).tolist() == list(range(19, 200, 20))

    @pytest.mark.parametrize("time", [0.1, 10**400, "0.1", None, [0.1, 0.2], np.array(0.1)])
    def test_an_update_of_another_length_is_refused(self, time):
        with load_free() as environment, pytest.raises(dm_deepmimic.CoreError) as error:
            environment.core.update(time)
        assert str(error.value) == (
            "Expected an update of 0.0016666666666666666 s, 1/60 s over num_update_substeps = 10, "
            f"got {dm_deepmimic.errors.shown(time)}."
        )

    @pytest.mark.parametrize("seed", [-1, 1.5, "1", None, [0.1], np.array(3), np.nan])
    def test_a_seed_is_a_whole_number(self, seed):
        with load_free() as environment, pytest.raises(ValueError) as error:
            environment.core.seed(seed)
        assert str(error.value) == f"Expected a whole number seed >= 0, got {seed!r}."

    @pytest.mark.parametrize(
        ("pose", "sentence"),
        [
            (np.zeros(42), "Expected a pose of 43 finite numbers, got (42,)."),
            ("up", "Expected a pose of 43 finite numbers, got 'up'."),
            (np.eye(43)[5] * np.nan, "Expected a pose of 43 finite numbers, got nan at (0,)."),
            (
                np.where(np.arange(43) == 42, -np.inf, 1.0),
                "Expected a pose of 43 finite numbers, got -inf at (42,).",
            ),
            (
                [10**400] * 43,
                "Expected a pose of 43 finite numbers, got a number that no float holds.",
            ),
            (np.zeros(43), "Expected a rotation (w, x, y, z) at 3 in a pose, got four zeros."),
            *(
                (
                    np.where(np.arange(43) == 11, number, np.eye(43)[[3, 7]].sum(axis=0)),
                    f"Expected a rotation (w, x, y, z) at 11 in a pose, got [{number}, 0.0, 0.0, "
                    "0.0].",
                )
                for number in (1e-200, 1e200)
            ),
        ],
    )
    def test_a_bad_pose_is_refused_and_nothing_moves(self, pose, sentence):
        with load_free() as environment:
            environment.reset()
            before = environment.core.get_pose()
            with pytest.raises(dm_deepmimic.CoreError) as error:
                environment.core.set_pose(pose)
            assert str(error.value) == sentence
            np.testing.assert_array_equal(environment.core.get_pose(), before)

    def test_a_pose_and_velocity_read_back_as_set(self):
        with load_free() as environment:
            environment.reset()
            core = environment.core
            pose, velocity = core.get_kin_pose(), core.get_kin_vel()
            core.set_pose(pose)
            core.set_vel(velocity)
            np.testing.assert_allclose(core.get_pose(), pose, atol=1e-15)
            np.testing.assert_allclose(core.get_vel(), velocity, atol=1e-12)


def test_importing_loads_none_of_the_extras():
    """Neither graphics nor learning libraries, nor MuJoCo, which only draws."""
    assert loaded("import dm_deepmimic") == []


def test_the_embedded_core_runs_without_the_extras():
    """Without MuJoCo, too."""
    steps = (
        f"import dm_deepmimic; e = dm_deepmimic.load('{WALK}', core='embedded', seed=0); "
        "e.reset(); e.step([0.0] * 28); e.core.throw_box(); e.step([0.0] * 28); e.close()"
    )
    assert loaded(steps) == []


def loaded(code: str) -> list[str]:
    """Returns which of the extras a new process has imported after some code."""
    banned = {
        "jax", "acme", "tensorflow", "haiku", "OpenGL", "pybullet", "pybullet_data", "deepmimic",
        "matplotlib", "gym", "glfw", "mujoco",
    }  # fmt: skip
    command = [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return sorted(banned & set(finished.stdout.split()))
