"""Tests of cores around other objects: the loop, ends, chance, arguments, and what is missing."""

import concurrent.futures
import contextlib
import enum
import json
import os
import pathlib
import random
import sys
import types
import warnings

import numpy as np
import pytest
from fake_core import UPDATES, FakeEnv, ForkEnv, Terminate

import dm_deepmimic
from dm_deepmimic import EndReason, assets, loading
from dm_deepmimic.core import Mode
from dm_deepmimic.foreign import chance

WALK = "humanoid3d_walk"
FORK = "The fork dhruvsreenivas/amp_extensions of DeepMimic and the embedded core have it."


class Original(enum.Enum):
    """The modes of DeepMimic's agents."""

    TRAIN = 0
    TEST = 1
    TRAIN_END = 2


@pytest.fixture(autouse=True)
def no_other_cores():
    """Forgets cores that earlier tests left open."""
    chance._seeded.clear()


def load_fake(env: FakeEnv | None = None, **options):
    return dm_deepmimic.load(core=FakeEnv() if env is None else env, seed=0, **options)


def sub(base=FakeEnv, **attributes):
    return type("Custom", (base,), attributes)()


def run_episode(environment):
    timestep = environment.reset()
    while not timestep.last():
        timestep = environment.step(np.zeros(environment.action_spec().shape))
    return timestep


class TestLoop:
    def test_calls_come_in_the_order_of_the_original(self):
        environment = load_fake()
        calls = environment.core.env.calls
        environment.reset()
        assert calls == ["reset", "need"]
        calls.clear()
        environment.step(np.zeros(2))
        whole = ["update", "valid", "end", "need"]
        assert calls == ["set_action", *whole * UPDATES]
        calls.clear()
        environment.step(np.zeros(2))
        assert calls == ["set_action", *whole * UPDATES]
        calls.clear()
        assert environment.step(np.zeros(2)).last()
        assert calls == ["set_action", *whole * 9, "update", "valid", "end"]

    def test_state_and_goal_are_one_observation_or_a_dictionary(self):
        assert load_fake().reset().observation.shape == (3,)
        chance._seeded.clear()
        observation = load_fake(observation="dict").reset().observation
        assert observation["state"].shape == (2,) and observation["goal"].tolist() == [3.0]

    def test_a_core_that_never_asks_for_an_action_is_an_error(self):
        environment = load_fake(sub(need_new_action=lambda self, agent: False, end_after=np.inf))
        environment.reset()
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.step(np.zeros(2))
        expected = "The core 'Custom' asked for no action within 10000 updates."
        assert str(error.value) == expected

    def test_what_is_done_by_hand_is_seen(self):
        environment = load_fake(ForkEnv())
        environment.reset()
        environment.step(np.array([1.0, 0.0]))
        core = environment.core
        core.env.state = np.array([5.0, 5.0])
        assert core.record_state()[0] < 2.0  # recorded at the end of the step
        core.get_motion_length()
        assert core.record_state()[0] == 5.0
        core.env.terminate = Terminate.Fail
        while environment.end_reason is EndReason.NONE:
            environment.step(np.zeros(2))
        core.reset_time(0.5)
        assert core.end_reason() is EndReason.NONE and core.record_state()[0] < 2.0

    def test_an_update_by_hand_is_seen(self):
        environment = load_fake()
        environment.reset()
        environment.step(np.array([1.0, 0.0]))
        before = environment.core.record_state()
        environment.core.update(1.0 / 600.0)
        assert environment.core.record_state()[0] > before[0]

    def test_an_action_of_another_length_never_reaches_the_core(self):
        core = load_fake().core
        with pytest.raises(dm_deepmimic.ActionError) as error:
            core.set_action(0, np.zeros(3))
        assert str(error.value) == "Expected an action of shape (2,), got shape (3,)."
        assert core.env.calls == []


class TestEnds:
    @pytest.mark.parametrize(
        ("terminate", "reason", "discount"),
        [
            (Terminate.Null, EndReason.TIME_LIMIT, 1.0),
            (Terminate.Fail, EndReason.FAIL, 0.0),
            (Terminate.Succ, EndReason.SUCCESS, 0.0),
            (1, EndReason.FAIL, 0.0),
        ],
    )
    def test_terminate_tells_the_discount(self, terminate, reason, discount):
        environment = load_fake(sub(terminate=terminate))
        timestep = run_episode(environment)
        assert (timestep.reward, timestep.discount) == (0.5, discount)
        assert environment.end_reason is reason
        assert environment.episode_info["bodies"] == ()

    def test_an_invalid_episode_ends_with_reward_and_discount_0(self):
        environment = load_fake(sub(invalid_after=30))
        timestep = run_episode(environment)
        assert (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert environment.end_reason is EndReason.INVALID
        assert environment.core.env.count == 30

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    @pytest.mark.parametrize("of", ["record_state", "calc_reward"])
    def test_numbers_that_are_not_finite_make_it_invalid(self, bad, of):
        def record_state(self, agent):
            return np.array([bad if self.count else 0.25, 0.0])

        def calc_reward(self, agent):
            return bad

        environment = load_fake(sub(**{of: locals()[of]}))
        first = environment.reset()
        timestep = environment.step(np.zeros(2))
        assert timestep.last() and (timestep.reward, timestep.discount) == (0.0, 0.0)
        assert environment.end_reason is EndReason.INVALID
        assert np.all(np.isfinite(timestep.observation))
        if of == "record_state":
            np.testing.assert_array_equal(timestep.observation, first.observation)
        assert environment.reset().first()

    def test_numbers_that_are_not_finite_cannot_begin_an_episode(self):
        environment = load_fake(sub(record_goal=lambda self, agent: [np.nan]))
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.reset()
        assert str(error.value) == (
            "The core 'Custom' began an episode with numbers that are not finite."
        )

    @pytest.mark.parametrize(
        ("answers", "sentence"),
        [
            (
                {"check_terminate": 7},
                "Expected Null, Fail or Succ (0, 1, 2) from check_terminate of the core 'Custom', "
                "got 7.",
            ),
            (
                {"calc_reward": None},
                "Expected a number from calc_reward of the core 'Custom', got None.",
            ),
            (
                {"build_state_offset": [0.0]},
                "Expected 2 numbers from build_state_offset of the core 'Custom', got [0.0].",
            ),
            (
                {"record_state": [0.0] * 3},
                "Expected 2 numbers from record_state of the core 'Custom', got [0.0, 0.0, 0.0].",
            ),
            (
                {"get_num_update_substeps": 0},
                "Expected at least 1 update a frame from the core 'Custom', got 0.",
            ),
        ],
    )
    def test_a_wrong_answer_is_named(self, answers, sentence):
        ((method, answer),) = answers.items()
        with pytest.raises(dm_deepmimic.CoreError) as error:
            run_episode(load_fake(sub(**{method: lambda self, *agent: answer})))
        assert str(error.value) == sentence

    def test_is_done_ends_no_episode(self):
        environment = load_fake(sub(is_done=lambda self: True))
        environment.reset()
        assert environment.step(np.zeros(2)).mid() and environment.core.is_done()

    def test_in_test_mode_imitate_amp_tells_a_cost_and_no_reward(self):
        env = sub(name="Imitate AMP", calc_reward=lambda self, agent: 7.0)
        environment = load_fake(env, mode="test")
        environment.reset()
        assert environment.step(np.zeros(2)).reward == 0.0
        assert "dtw_cost" not in environment.episode_info
        assert run_episode(environment).reward == 0.0
        assert environment.episode_info["dtw_cost"] == 7.0
        environment.reset()
        assert "dtw_cost" not in environment.episode_info

    def test_in_train_mode_it_is_a_reward(self):
        env = sub(name="Imitate AMP", calc_reward=lambda self, agent: 7.0)
        environment = load_fake(env)
        assert run_episode(environment).reward == 7.0
        assert "dtw_cost" not in environment.episode_info


class TestChance:
    def test_episodes_replay_whatever_the_process_draws(self):
        def starts(environment):
            rows = []
            for _ in range(3):
                rows.append(environment.reset().observation)
                random.random()
                np.random.random()
            return rows

        one = starts(dm_deepmimic.load(WALK, core=FakeEnv, seed=3))
        chance._seeded.clear()
        random.seed(1)
        np.random.seed(1)
        other = dm_deepmimic.load(WALK, core=FakeEnv, seed=3)
        np.testing.assert_array_equal(one, starts(other))
        chance._seeded.clear()
        third = dm_deepmimic.load(WALK, core=FakeEnv, seed=4)
        assert third.core.env.luck != other.core.env.luck
        assert not np.array_equal(one, starts(third))

    def test_the_random_numbers_of_the_process_stay_as_they_were(self):
        before = random.getstate(), np.random.get_state()[1].copy()
        environment = dm_deepmimic.load(WALK, core=FakeEnv, seed=3)
        run_episode(environment)
        assert random.getstate() == before[0]
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])

    def test_threads_do_not_mix_the_chance_of_cores(self):
        environments = []
        for _ in range(4):
            chance._seeded.clear()
            environments.append(dm_deepmimic.load(WALK, core=FakeEnv, seed=0))

        def episodes(environment):
            return [environment.reset().observation for _ in range(200)]

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            threads = list(pool.map(episodes, environments[:3]))
        alone = episodes(environments[3])
        for rows in threads:
            np.testing.assert_array_equal(rows, alone)

    def test_a_cplusplus_object_inside_can_be_seeded(self):
        seeds = []
        env = sub(_core=types.SimpleNamespace(SeedRand=seeds.append))
        load_fake(env).core.seed(9)
        assert seeds == [0, 9]

    def test_a_core_that_can_be_seeded_is(self):
        environment = load_fake(ForkEnv())
        assert environment.core.env.seeded == 0
        environment.core.seed(np.int64(5))
        assert environment.core.env.seeded == 5

    def test_seeding_a_second_core_of_the_process_warns(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            first = load_fake(ForkEnv())
            first.core.seed(1)
        with pytest.warns(RuntimeWarning) as caught:
            second = load_fake(ForkEnv())
        assert len(caught) == 1
        assert str(caught[0].message) == (
            "All cores 'ForkEnv' of a process draw from one stream of random numbers, which this "
            "seeding restarts for the others too: their episodes will not replay. Use one such "
            "core a process, or the embedded core."
        )
        first.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            second.core.seed(2)

    def test_a_seed_that_cplusplus_cannot_hold_is_refused(self):
        with pytest.raises(ValueError) as error:
            dm_deepmimic.load(core=FakeEnv(), seed=2**31)
        expected = "Expected a whole number seed from 0 to 2147483647, got 2147483648."
        assert str(error.value) == expected


class TestMissing:
    @pytest.mark.parametrize(
        ("method", "builds"),
        [
            (name, f" {FORK}")
            for name in (
                "reset_time", "seed", "get_motion_length", "record_amp_obs_agent_current",
                "get_agent_update_rate",
            )
        ]
        + [
            ("get_amp_obs_offset", " DeepMimic has it since April 2021."),
            ("fly", ""),
        ],
    )  # fmt: skip
    def test_a_missing_method_says_so_when_it_is_called(self, method, builds):
        core = load_fake().core
        with pytest.raises(AttributeError) as error:
            getattr(core, method)(1)
        assert type(error.value) is dm_deepmimic.MissingMethodError
        assert str(error.value) == f"The core 'FakeEnv' has no method {method!r}.{builds}"

    def test_methods_that_are_there_are_called_through(self):
        core = load_fake(ForkEnv()).core
        assert core.get_motion_length() == 1.25 and hasattr(core, "get_agent_update_rate")
        assert not hasattr(core, "get_amp_obs_offset")

    def test_discriminator_observations_need_a_core_that_has_them(self):
        environment = load_fake()
        with pytest.raises(dm_deepmimic.MissingMethodError, match="'record_amp_obs_agent'"):
            environment.core.record_amp_obs_agent()
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            environment.amp_observation_spec()
        assert str(error.value) == (
            "The FakeEnv core does not support discriminator observations in this scene. It "
            "supports them in scenes that end in _amp."
        )
        chance._seeded.clear()
        amp = sub(
            get_amp_obs_size=lambda self: 3,
            record_amp_obs_agent=lambda self, agent: [1.0, 2.0, 3.0],
            record_amp_obs_expert=lambda self, agent: np.random.random(3),
        )
        environment = load_fake(amp, observation="amp")
        assert environment.reset().observation["amp"].tolist() == [1.0, 2.0, 3.0]
        assert environment.sample_expert(4).shape == (4, 3)

    def test_a_required_method_too(self):
        class Small:
            record_state = None

        with pytest.raises(dm_deepmimic.MissingMethodError) as error:
            dm_deepmimic.load(core=Small())
        assert str(error.value) == "The core 'Small' has no method 'get_num_agents'."

    def test_a_scene_without_an_agent_is_refused(self):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            load_fake(sub(get_num_agents=lambda self: 0))
        assert str(error.value) == "Expected a scene with one agent in the core 'Custom', got 0."

    def test_sample_counts_and_modes_arrive_as_swig_takes_them(self):
        environment = load_fake(mode="test")
        assert environment.core.env.mode == 1
        environment.core.set_sample_count(np.int64(7))
        environment.core.set_mode(Mode.TRAIN)
        assert (environment.core.env.samples, environment.core.env.mode) == (7, 0)
        environment.core.set_mode(Original.TEST)
        assert environment.core.env.mode == 1
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.core.set_mode(Original.TRAIN_END)
        expected = "Expected mode 0 (train) or 1 (test), got <Original.TRAIN_END: 2>."
        assert str(error.value) == expected


class TestResets:
    def test_reset_arguments_pass_through(self):
        start = {"custom_time": True, "time_min": 0.2, "time_max": 0.4, "noise_min": -0.1,
                 "noise_max": 0.1, "radian": 0.3, "interp": False, "knee_rot": True}  # fmt: skip
        environment = load_fake(ForkEnv(), reset_args=start)
        times = []
        for _ in range(20):
            environment.reset()
            times.append(environment.core.env.started)
        assert 0.2 <= min(times) < max(times) <= 0.4
        assert environment.core.env.calls[:4] == ["reset", "reset", "need", "reset"]
        assert environment.core.env.noise == {
            "resolve": True, "noise_bef_rot": False, "low": -0.1, "high": 0.1, "radian": 0.3,
            "rot_vel_w_pose": False, "vel_noise": False, "interp": 0.0, "knee_rot": True,
        }  # fmt: skip

    def test_without_a_range_the_whole_clip_is_drawn_from(self):
        environment = load_fake(ForkEnv(), reset_args=dm_deepmimic.ResetArgs())
        times = []
        for _ in range(50):
            environment.reset()
            times.append(environment.core.env.started)
        assert 0.0 <= min(times) < 0.2 and 1.05 < max(times) <= 1.25

    def test_a_core_that_cannot_refuses_them_at_once(self):
        with pytest.raises(dm_deepmimic.MissingMethodError, match="no method 'reset_time'"):
            load_fake(reset_args={"radian": 0.1})

    def test_joints_cannot_be_named(self):
        with pytest.raises(dm_deepmimic.UnsupportedError) as error:
            load_fake(ForkEnv(), reset_args={"knees": ("knee",)})
        assert str(error.value) == "The ForkEnv core does not support 'knees' in reset_args."

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ({"time": np.nan}, "Expected a time from 0 to 10000 s, got nan."),
            ({"time": -1.0}, "Expected a time from 0 to 10000 s, got -1.0."),
            ({"time": "soon"}, "Expected a time from 0 to 10000 s, got 'soon'."),
            ({"frame": 1.5}, "Expected a frame from 0 to 38, got 1.5."),
            ({"frame": 39}, "Expected a frame from 0 to 38, got 39."),
            ({"frame": True}, "Expected a frame from 0 to 38, got True."),
        ],
    )
    def test_no_place_of_the_clip_never_reaches_the_core(self, place, sentence):
        environment = dm_deepmimic.load(WALK, core=ForkEnv, seed=0)
        with pytest.raises(dm_deepmimic.CoreError) as error:
            environment.reset_to(**place)
        assert str(error.value) == sentence and environment.core.env.calls == []

    def test_an_episode_starts_at_a_time_or_a_frame(self):
        environment = load_fake(ForkEnv())
        assert environment.reset_to(time=0.5).first()
        assert (environment.core.env.started, environment.core.env.noise) == (0.5, {})
        assert environment.reset_to(frame=7).first()
        assert environment.core.env.started == 7
        environment.close()
        with pytest.raises(dm_deepmimic.MissingMethodError, match="no method 'reset_index'"):
            load_fake().reset_to(frame=7)


def words(environment) -> dict[str, list[str]]:
    """Returns what the factory was given, by key."""
    table: dict[str, list[str]] = {}
    for word in environment.core.env.args:
        if word.startswith("--"):
            table[word[2:]] = last = []
        else:
            last.append(word)
    return table


class TestArguments:
    def test_paths_are_absolute_and_the_arg_file_is_spelled_out(self, tmp_path):
        with contextlib.chdir(tmp_path):
            table = words(dm_deepmimic.load(WALK, core=FakeEnv, seed=0))
        assert "arg_file" not in table
        for key in ("motion_file", "character_files", "char_ctrl_files", "terrain_file"):
            assert [os.path.isabs(path) and pathlib.Path(path).is_file() for path in table[key]]
        assert table["scene"] == ["imitate"] and table["num_sim_substeps"] == ["2"]

    def test_overrides_are_words(self):
        environment = dm_deepmimic.load(
            WALK, core=FakeEnv, seed=0, num_sim_substeps=4, enable_fall_end=False,
            gravity=(0, -1.5, 0), rand_seed="5",
        )  # fmt: skip
        table = words(environment)
        assert table["num_sim_substeps"] == ["4"] and table["enable_fall_end"] == ["false"]
        assert table["gravity"] == ["0.0", "-1.5", "0.0"] and table["rand_seed"] == ["5"]

    @pytest.mark.parametrize(
        ("time_limit", "start", "end"),
        [(None, "20.0", "20.0"), (3, "3.0", "3.0"), ("anneal", "0.5", "20.0")],
    )
    def test_the_time_limit_is_not_the_half_second_that_annealing_starts_with(
        self, time_limit, start, end
    ):
        table = words(dm_deepmimic.load(WALK, core=FakeEnv, seed=0, time_limit=time_limit))
        assert table["time_lim_min"] == table["time_lim_max"] == [start]
        assert table["time_end_lim_min"] == table["time_end_lim_max"] == [end]

    def test_scenes_of_the_other_core_alone_are_passed_on(self, tmp_path):
        (tmp_path / "motions").mkdir()
        for clip in ("a", "b"):
            (tmp_path / "motions" / f"{clip}.txt").write_text('{"Frames": [[]]}')
        clips = [{"Weight": 2, "File": "motions/a.txt"}, {"File": "motions/b.txt"}]
        (tmp_path / "set.txt").write_text(json.dumps({"Motions": clips}))
        scene = tmp_path / "target.txt"
        scene.write_text(
            "--scene target_amp\n--tar_speed 1.5\n--kin_ctrl clips\n--motion_file set.txt\n"
            "--character_files data/characters/humanoid3d.txt\n"
            "--char_ctrl_files data/controllers/humanoid3d_ctrl.txt\n"
        )

        class Reading(FakeEnv):
            def __init__(self, args, enable_draw):
                super().__init__(args, enable_draw)
                self.clips = json.loads(
                    pathlib.Path(args[args.index("--motion_file") + 1]).read_text()
                )

        environment = dm_deepmimic.load(scene, core=Reading, seed=0, tar_speed=2.5)
        table = words(environment)
        assert table["scene"] == ["target_amp"] and table["tar_speed"] == ["2.5"]
        assert environment.core.env.clips == {
            "Motions": [
                {"Weight": weight, "File": str(tmp_path / "motions" / f"{clip}.txt")}
                for weight, clip in ((2.0, "a"), (1.0, "b"))
            ]
        }
        assert not pathlib.Path(table["motion_file"][0]).exists()

    @pytest.mark.parametrize(
        ("override", "sentence"),
        [
            (
                {"scene": "kin_char"},
                "Expected a scene with an agent (dribble_amp, heading_amp, heading_amp_getup, "
                "imitate, imitate_amp, strike_amp, target_amp) for 'scene' in override, got "
                "kin_char.",
            ),
            ({"char_types": "dog"}, "Expected general for 'char_types' in override, got dog."),
            (
                {"char_ctrls": "none"},
                "Expected ct or ct_pd or ct_vel for 'char_ctrls' in override, got none.",
            ),
            (
                {"fall_contact_bodies": [15]},
                "Expected body ids from 0 to 14 of humanoid3d.txt for 'fall_contact_bodies' in "
                "override, got 15.",
            ),
            ({"strike_bodies": [99]}, "Expected body ids from 0 to 14 of humanoid3d.txt for "),
            ({"head_id": 99}, "Expected body ids from 0 to 14 of humanoid3d.txt for 'head_id' in "),
            ({"getup_motion_ids": [1]}, "Expected ids of clips from 0 to 0 for 'getup_motion_ids'"),
            (
                {"rand_target_time_min": 9, "rand_target_time_max": 1},
                "Expected at least rand_target_time_min (9.0) for 'rand_target_time_max' in ",
            ),
            (
                {"num_update_substeps": 0},
                "Expected an integer from 1 to 10000 for 'num_update_substeps' in override, got 0.",
            ),
            (
                {"char_ctrl_files": "data/characters/humanoid3d.txt"},
                "Expected a non-empty array at PDControllers in ",
            ),
            (
                {"motion_file": "data/characters/humanoid3d.txt"},
                "Expected a non-empty array at Frames in ",
            ),
        ],
    )
    def test_what_would_abort_the_process_never_reaches_the_core(self, override, sentence):
        with pytest.raises(dm_deepmimic.DeepMimicError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, **override)
        assert str(error.value).startswith(sentence)

    def test_an_override_that_nothing_knows_is_refused(self):
        with pytest.raises(
            dm_deepmimic.UnknownNameError, match="Unknown argument 'num_sim_substep'"
        ):
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, num_sim_substep=4)

    def test_an_override_of_the_embedded_core_alone_is_refused(self):
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, enable_self_collision=False)
        assert str(error.value) == (
            "Expected core='embedded', which alone has it, for 'enable_self_collision' in "
            "override, got False."
        )


class TestCores:
    def test_a_class_makes_the_core_and_gives_its_name(self):
        environment = dm_deepmimic.load(WALK, core=FakeEnv, seed=0)
        assert environment.core_name == "FakeEnv" and environment.core.env.enable_draw is False

    def test_a_function_too(self):
        def make(args, enable_draw):
            return FakeEnv(args, enable_draw)

        assert dm_deepmimic.load(WALK, core=make, seed=0).core_name == "make"

    def test_entries_of_actions_are_named_after_joints_where_they_fit(self):
        assert load_fake().action_spec().name == "action_0\taction_1"
        fitting = sub(
            get_action_size=lambda self, agent: 28,
            build_action_bound_min=lambda self, agent: [-1.0] * 28,
            build_action_bound_max=lambda self, agent: [1.0] * 28,
        )
        chance._seeded.clear()
        names = dm_deepmimic.load(WALK, core=fitting, seed=0).action_spec().name.split("\t")
        assert names[0] == "chest_x" and len(names) == 28

    @pytest.mark.parametrize(
        "option",
        [{"time_limit": 3.0}, {"data_root": "."}, {"num_sim_substeps": 1}, {"layout": "2018"}],
    )
    def test_an_object_is_built_already(self, option):
        ((key, value),) = option.items()
        with pytest.raises(dm_deepmimic.ArgumentError) as error:
            load_fake(**option)
        assert str(error.value) == (
            f"Expected nothing, as the core's object is built already, for '{key}' in load, "
            f"got {value!r}."
        )

    def test_another_layout_is_refused(self):
        with pytest.raises(dm_deepmimic.CoreError) as error:
            dm_deepmimic.load(WALK, core=FakeEnv, seed=0, layout="2018")
        assert str(error.value) == (
            "Expected actions of length 36, layout '2018', from the core 'FakeEnv', got 2. The "
            "embedded core speaks both layouts."
        )

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

    def test_nothing_goes_on_after_closing(self):
        environment = load_fake()
        environment.close()
        for call in (environment.reset, lambda: environment.step(np.zeros(2))):
            with pytest.raises(dm_deepmimic.CoreError) as error:
                call()
            assert str(error.value) == "Expected an open environment: this one was closed."

    def test_another_agent_is_refused(self):
        core = load_fake().core
        for call in (core.record_state, core.record_goal, core.calc_reward):
            with pytest.raises(dm_deepmimic.CoreError) as error:
                call(1)
            assert str(error.value) == "Expected agent_id 0, the one character, got 1."

    def test_closing_shuts_down_once(self):
        environment = load_fake()
        environment.close()
        environment.close()
        assert environment.core.env.closed == 1


@pytest.mark.skipif(
    assets.is_installed("deepmimic", "env/deepmimic_env.py"), reason="the real one is installed"
)
class TestDeepMimicPackage:
    @pytest.fixture(name="install")
    def install_fixture(self, tmp_path, monkeypatch):
        """Returns a function that installs a package `deepmimic` with a module's text."""

        def install(text: str) -> None:
            folder = tmp_path / "deepmimic" / "env"
            folder.mkdir(parents=True)
            for package in (folder, folder.parent):
                (package / "__init__.py").write_text("")
            (folder / "deepmimic_env.py").write_text(text)
            monkeypatch.syspath_prepend(str(tmp_path))
            monkeypatch.setitem(sys.modules, "fake_core", types.SimpleNamespace(FakeEnv=FakeEnv))

        yield install
        for name in [name for name in sys.modules if name.partition(".")[0] == "deepmimic"]:
            del sys.modules[name]

    def test_it_is_made_where_its_shaders_are_if_it_draws(self, install):
        install(
            "import os\nfrom fake_core import FakeEnv\n"
            "class DeepMimicEnv(FakeEnv):\n"
            "    def __init__(self, args, draws):\n"
            "        super().__init__(args, draws)\n"
            "        self.folder = os.getcwd()\n"
        )
        here = os.getcwd()
        for draws in (True, False):
            core = loading.load_core(WALK, core="deepmimic", seed=0, enable_draw=draws)
            assert (core.env.folder.endswith("deepmimic"), core.env.enable_draw) == (draws, draws)
            assert os.getcwd() == here
            core.close()

    def test_it_is_taken_where_it_imports(self, install):
        install("from fake_core import FakeEnv as DeepMimicEnv")
        for core in ("auto", "deepmimic"):
            with dm_deepmimic.load(WALK, core=core, seed=0) as environment:
                assert environment.core_name == "deepmimic"
                assert isinstance(environment.core.env, FakeEnv)

    def test_one_that_does_not_import_gives_way_with_a_warning(self, install):
        install("import no_such_library")
        with pytest.warns(UserWarning) as caught:
            environment = dm_deepmimic.load(WALK, seed=0)
        assert environment.core_name == "embedded"
        sentence = (
            "The core 'deepmimic' cannot be imported: No module named 'no_such_library' "
            "(in deepmimic.env.deepmimic_env)."
        )
        assert str(caught[0].message) == f"{sentence} The embedded core takes its place."
        with pytest.raises(dm_deepmimic.CoreError) as error:
            dm_deepmimic.load(WALK, core="deepmimic")
        assert str(error.value) == sentence

    def test_without_it_the_embedded_core_is_taken_and_no_word_said(self, recwarn):
        with dm_deepmimic.load(WALK, seed=0) as environment:
            assert environment.core_name == "embedded"
        assert not recwarn.list
        with pytest.raises(dm_deepmimic.CoreError, match="No module named 'deepmimic'"):
            dm_deepmimic.load(WALK, core="deepmimic")
