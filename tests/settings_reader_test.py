"""Tests of how a scene's settings are read from arg files and overrides, and checked."""

import math
import pathlib
import warnings

import numpy as np
import pytest

from dm_deepmimic import arguments, errors, settings, settings_reader
from dm_deepmimic.embedded import scenes

AN_INTEGER, INTEGERS = "an integer of at most 18 digits", "integers of at most 18 digits"
MINIMAL = (
    "--scene imitate --character_files c.txt --char_ctrl_files k.txt --motion_file m.txt".split()
)


def beside(name: str, arg_file: pathlib.Path | None) -> arguments.ArgFile:
    """Finds a nested arg file in the folder of the file that names it."""
    return arguments.read_file(name if arg_file is None else arg_file.parent / name)


def parse(*tokens: str) -> arguments.Arguments:
    return arguments.parse_tokens(tokens, beside)


def read(*tokens: str, **overrides: object) -> settings.Settings:
    return scenes.read_settings(parse(*tokens, *MINIMAL), overrides)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes a file in the current folder and returns its bare name."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "walk.txt") -> str:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return write_file


class TestValues:
    def test_words_become_typed_values(self):
        text = (
            "--num_sim_substeps 2 --gravity 0 -1e1 .5 --fall_contact_bodies 0 1 14 --timer_type exp"
            " --time_lim_min 0 --time_lim_max inf --state_files s.txt --char_init_pos_xs -2"
            " --kin_ctrl motion"
        )
        result = read(*text.split())
        assert result.num_sim_substeps == 2
        assert result.gravity == (0.0, -10.0, 0.5)
        assert result.fall_contact_bodies == (0, 1, 14)
        assert (result.timer_type, result.kin_ctrl) == ("exp", "motion")
        assert (result.time_lim_min, result.time_lim_max) == (0.0, math.inf)
        assert (result.state_files, result.char_init_pos_xs) == (("s.txt",), (-2.0,))

    @pytest.mark.parametrize(
        ("word", "value"),
        [(word, True) for word in ("true", "1", "True", "T", "t")]
        + [(word, False) for word in ("false", "0", "False", "F", "f")],
    )
    def test_booleans_have_ten_words(self, word, value):
        assert read("--enable_fall_end", word).enable_fall_end is value

    def test_limits_after_annealing_default_to_those_before(self):
        result = read(*"--time_lim_min 1 --time_lim_max 2 --time_lim_exp 3".split())
        ends = (result.time_end_lim_min, result.time_end_lim_max, result.time_end_lim_exp)
        assert ends == (1.0, 2.0, 3.0)

    def test_an_empty_list_of_bodies_is_a_list(self):
        assert read("--fall_contact_bodies").fall_contact_bodies == ()

    @pytest.mark.parametrize(
        ("words", "expected", "got"),
        [
            ("num_sim_substeps two", AN_INTEGER, "'two'"),
            ("num_sim_substeps 2.0", AN_INTEGER, "'2.0'"),
            ("num_sim_substeps 0", "an integer from 1 to 10000", "0"),
            ("num_update_substeps -1", "an integer from 1 to 10000", "-1"),
            ("num_sim_substeps " + 5000 * "9", AN_INTEGER, "'" + 56 * "9" + "..."),
            ("num_sim_substeps ٣", AN_INTEGER, "'٣'"),
            ("num_sim_substeps", AN_INTEGER, "nothing"),
            ("world_scale nan", "a number", "'nan'"),
            ("world_scale 1_0", "a number", "'1_0'"),
            ("world_scale inf", "a finite number above 0", "inf"),
            ("world_scale 1e999", "a finite number above 0", "inf"),
            ("world_scale 0", "a finite number above 0", "0.0"),
            ("gravity 0 -9.8", "three finite numbers", "0.0 -9.8"),
            ("gravity 0 inf 0", "three finite numbers", "0.0 inf 0.0"),
            ("enable_fall_end yes", "true or false", "'yes'"),
            ("enable_fall_end TRUE", "true or false", "'TRUE'"),
            ("fall_contact_bodies 0 knee", INTEGERS, "'knee'"),
            ("fall_contact_bodies 0 -3", "body ids of at least 0", "0 -3"),
            ("timer_type gamma", "'exp' or 'uniform'", "'gamma'"),
            ("kin_ctrl none", "'clips' or 'motion'", "'none'"),
            ("time_lim_max 0", "a time above 0", "0.0"),
            ("time_end_lim_min -1", "a time of at least 0", "-1.0"),
            ("time_lim_max 5", "at least time_lim_min (inf)", "5"),
            ("char_types", "one name", "nothing"),
            ("motion_file", "a name", "nothing"),
        ],
    )
    def test_a_bad_value_is_named_with_its_line(self, write, words, expected, got):
        text = f"#\n--{words}\n{' '.join(MINIMAL)}"
        parsed = arguments.parse_file(arguments.read_file(write(text)), beside)
        with pytest.raises(errors.ArgumentError) as info:
            scenes.read_settings(parsed)
        key = words.split()[0]
        assert str(info.value) == f"Expected {expected} for '{key}' in walk.txt:2, got {got}."

    def test_a_longest_end_limit_below_the_shortest_names_the_key_that_was_given(self):
        with pytest.raises(errors.ArgumentError) as info:
            read(*"--time_lim_min 1 --time_lim_max 2 --time_end_lim_min 20".split())
        assert str(info.value) == (
            "Expected at most time_end_lim_max (2) for 'time_end_lim_min' in the arguments, got 20."
        )

    @pytest.mark.parametrize("key", ["scene", "character_files", "char_ctrl_files", "motion_file"])
    def test_a_missing_key_is_an_error(self, write, key):
        tokens = " ".join(MINIMAL).replace(f"--{key} ", "--num_workers ")
        parsed = arguments.parse_file(arguments.read_file(write(tokens)), beside)
        with pytest.raises(errors.ArgumentError) as info:
            scenes.read_settings(parsed)
        expected = "a name" if key == "scene" else "a file name"
        assert str(info.value) == f"Expected {expected} for '{key}' in walk.txt, got nothing."

    @pytest.mark.parametrize(
        ("key", "written", "got"),
        [
            ("motion_file", "--motionfile x", "'--motionfile' in place of '--motion_file'"),
            ("motion_file", "-motion_file x", "'-motion_file' in place of '--motion_file'"),
            ("motion_file", "--motion_file=x", "'--motion_file=x' in place of '--motion_file x'"),
            ("scene", "--sceen x", "'--sceen' in place of '--scene'"),
            (
                "character_files", "--character_file x",
                "'--character_file' in place of '--character_files'",
            ),
            ("scene", "--arg_file=b.txt", "'--arg_file=b.txt' in place of '--arg_file b.txt'"),
        ],
    )  # fmt: skip
    def test_a_misspelt_key_is_named(self, write, key, written, got):
        lines = " ".join(MINIMAL).replace(" --", "\n--").split("\n")
        text = "\n".join([*(line for line in lines if not line.startswith(f"--{key} ")), written])
        for parsed, where in (
            (arguments.parse_file(arguments.read_file(write(text)), beside), "walk.txt:4"),
            (parse(*text.split()), "the arguments"),
        ):
            with pytest.raises(errors.ArgumentError) as info:
                scenes.read_settings(parsed)
            expected = "a name" if key == "scene" else "a file name"
            assert str(info.value) == f"Expected {expected} for '{key}' in {where}, got {got}."

    def test_an_unknown_scene_lists_the_known_ones(self, write):
        parsed = arguments.parse_file(arguments.read_file(write("--scene imitat")), beside)
        with pytest.raises(errors.UnknownNameError) as info:
            scenes.read_settings(parsed)
        assert str(info.value) == (
            "Unknown scene 'imitat' in walk.txt:1. Known scenes: dribble_amp, heading_amp, "
            "heading_amp_getup, imitate, imitate_amp, imitate_clips, strike_amp, target_amp."
        )

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (
                "character_files a b",
                "2 'character_files' in the arguments. It supports one character.",
            ),
            (
                "char_init_pos_xs 0 1",
                "2 'char_init_pos_xs' in the arguments. It supports one character.",
            ),
            ("char_ctrls ct_vel", "'char_ctrls' 'ct_vel' in the arguments. It supports 'ct_pd'."),
            ("char_types dog", "'char_types' 'dog' in the arguments. It supports 'general'."),
        ],
    )
    def test_what_the_embedded_core_cannot_do_is_an_error(self, words, expected):
        with pytest.raises(errors.UnsupportedError) as info:
            read(*f"--{words}".split())
        assert str(info.value) == f"The embedded core does not support {expected}"

    def test_several_values_where_one_is_read_are_a_warning(self):
        with pytest.warns(UserWarning) as caught:
            assert read("--num_sim_substeps", "2", "3").num_sim_substeps == 2
        assert str(caught[0].message) == (
            "Expected one value for 'num_sim_substeps' in the arguments, got 2; only '2' is used."
        )


class TestUnknownKeys:
    def test_a_key_that_nobody_reads_is_a_warning_with_the_nearest_key(self, write):
        parsed = arguments.parse_file(
            arguments.read_file(write(f"--sync_root_pos 1\n{' '.join(MINIMAL)}")), beside
        )
        with pytest.warns(UserWarning) as caught:
            scenes.read_settings(parsed)
        assert [str(warning.message) for warning in caught] == [
            "Unknown argument 'sync_root_pos' in walk.txt:1. Did you mean 'sync_char_root_pos'?"
        ]

    @pytest.mark.parametrize("key", sorted(settings_reader.IGNORED_KEYS))
    def test_keys_of_deepmimics_driver_are_silent(self, key):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(f"--{key}", "anything")

    def test_ignored_keys_are_not_settings(self):
        for kind in scenes.deepmimic_settings():
            assert not settings.fields(kind).keys() & settings_reader.IGNORED_KEYS

    def test_keys_of_other_scenes_are_silent(self):
        """Arg files of several scenes include the same files."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = read("--ball_radius", "0.3", "--enable_amp_obs_local_root", "true")
        assert not hasattr(result, "ball_radius")


class TestOverrides:
    def test_overrides_win_even_over_bad_values(self):
        result = read("--num_sim_substeps", "none", num_sim_substeps=1)
        assert result.num_sim_substeps == 1

    def test_python_values_become_the_type_of_their_key(self):
        result = read(
            world_scale=4,
            gravity=[0, -1, 0],
            fall_contact_bodies=range(2),
            motion_file=pathlib.Path("clip.txt"),
            character_files="dog.txt",
            enable_fall_end=False,
        )
        assert result.world_scale == 4.0
        assert isinstance(result.world_scale, float)
        assert result.gravity == (0.0, -1.0, 0.0)
        assert result.fall_contact_bodies == (0, 1)
        assert (result.motion_file, result.character_files) == ("clip.txt", ("dog.txt",))
        assert result.enable_fall_end is False

    @pytest.mark.parametrize(
        ("key", "value", "expected"),
        [
            ("num_sim_substeps", True, AN_INTEGER),
            ("num_sim_substeps", 2.0, AN_INTEGER),
            ("num_sim_substeps", "2", AN_INTEGER),
            ("num_sim_substeps", None, AN_INTEGER),
            ("num_sim_substeps", [2], AN_INTEGER),
            ("num_sim_substeps", 0, "an integer from 1 to 10000"),
            ("world_scale", True, "a number"),
            ("world_scale", math.nan, "a number"),
            ("enable_fall_end", 1, "true or false"),
            ("enable_fall_end", "true", "true or false"),
            ("fall_contact_bodies", [0, True], INTEGERS),
            ("fall_contact_bodies", {0: 1}, INTEGERS),
            ("fall_contact_bodies", np.array(3), INTEGERS),
            ("fall_contact_bodies", [[1, 2], [3]], INTEGERS),
            ("anneal_samples", 10**18, AN_INTEGER),
            ("anneal_samples", -(10**18), AN_INTEGER),
            ("time_lim_max", np.array(3.0), "a number"),
            ("time_lim_max", np.longdouble("1e400"), "a number"),
            ("gravity", np.array(9.8), "numbers"),
            ("gravity", [[0, 1], [2]], "numbers"),
            ("gravity", np.array(["0", "1", "2"]), "numbers"),
            ("motion_file", 3, "a name"),
            ("motion_file", b"clip.txt", "a name"),
            ("motion_file", "", "a file name"),
            ("state_files", [1], "names"),
        ],
    )
    def test_a_value_of_another_type_is_an_error(self, key, value, expected):
        with pytest.raises(errors.ArgumentError) as info:
            read(**{key: value})
        assert str(info.value) == f"Expected {expected} for '{key}' in override, got {value!r}."

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("world_scale", "a number"), ("time_lim_max", "a number"), ("gravity", "numbers"),
            ("num_sim_substeps", AN_INTEGER), ("fall_contact_bodies", INTEGERS),
            ("enable_fall_end", "true or false"), ("motion_file", "a name"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("digits", [400, 5000])  # Python does not write more than 4300
    def test_a_number_beyond_all_is_an_error(self, key, expected, digits):
        got = "int of thousands of digits" if digits > 4300 else "1" + 56 * "0" + "..."
        with pytest.raises(errors.ArgumentError) as info:
            read(**{key: 10**digits})
        assert str(info.value) == f"Expected {expected} for '{key}' in override, got {got}."

    @pytest.mark.parametrize("kind", [">f4", ">f8", "f2", "g", object, ">i8"])
    def test_numbers_of_an_array_may_be_of_any_type(self, kind):
        result = read(gravity=np.array([0, -2, 1], kind))
        assert result.gravity == (0.0, -2.0, 1.0) and type(result.gravity[0]) is float

    def test_an_unknown_key_is_an_error_with_the_nearest_key(self):
        with pytest.raises(errors.UnknownNameError) as info:
            read(num_sim_substep=1)
        start = "Unknown argument 'num_sim_substep' in override. Did you mean 'num_sim_substeps'? "
        assert str(info.value).startswith(
            start + "Known arguments: anneal_samples, char_ctrl_files, char_ctrls"
        )

    def test_a_key_of_another_scene_is_an_error(self):
        with pytest.raises(
            errors.UnknownNameError, match="Unknown argument 'ball_radius' in override"
        ):
            read(ball_radius=0.3)
        assert read(scene="dribble_amp", ball_radius=0.3).ball_radius == 0.3

    @pytest.mark.parametrize("key", ["arg_file", "output_path"])
    def test_a_key_without_effect_is_an_error(self, key):
        with pytest.raises(errors.UnknownNameError):
            read(**{key: "x"})


class TestTimeLimits:
    NAMES = tuple(
        f"{start}_{name}"
        for start in ("time_lim", "time_end_lim")
        for name in ("min", "max", "exp")
    )

    @staticmethod
    def limits(*tokens: str, **overrides: object) -> tuple[float, ...]:
        found = settings_reader.time_limits(parse(*tokens), overrides)
        return tuple(found[name] for name in TestTimeLimits.NAMES)

    def test_without_any_there_is_no_limit(self):
        assert self.limits() == (math.inf, math.inf, 1.0) * 2
        assert settings_reader.time_limits(parse()).keys() == set(self.NAMES)

    def test_they_are_those_of_the_settings(self):
        tokens = ("--time_lim_min", "1", "--time_lim_max", "2", "--time_end_lim_max", "9")
        result = read(*tokens, time_lim_exp=3)
        assert self.limits(*tokens, time_lim_exp=3) == (1.0, 2.0, 3.0, 1.0, 9.0, 3.0)
        assert self.limits(*tokens, time_lim_exp=3) == tuple(
            getattr(result, name) for name in self.NAMES
        )

    def test_other_keys_are_not_read(self):
        assert self.limits("--scene", "none", "--num_sim_substeps", "x") == self.limits()

    @pytest.mark.parametrize(
        ("overrides", "sentence"),
        [
            (
                {"time_lim_max": 0},
                "Expected a time above 0 for 'time_lim_max' in override, got 0.0.",
            ),
            ({"time_lim_exp": "x"}, "Expected a number for 'time_lim_exp' in override, got 'x'."),
            (
                {"time_lim_min": 2, "time_lim_max": 1.5},
                "Expected at least time_lim_min (2) for 'time_lim_max' in override, got 1.5.",
            ),
        ],
    )
    def test_what_is_no_limit_is_an_error(self, overrides, sentence):
        with pytest.raises(errors.ArgumentError) as info:
            self.limits(**overrides)
        assert str(info.value) == sentence


def words(*tokens: str, **overrides: object) -> dict[str, tuple[str, ...]]:
    return settings_reader.words(
        scenes.deepmimic_settings(), scenes.deepmimic_names(), parse(*tokens), overrides
    )


class TestWords:
    def test_they_are_those_of_the_arguments_if_nothing_else_is_given(self):
        tokens = ("--scene", "imitate", "--gravity", "0", "-1e1", ".5", "--unknown", "a", "b")
        assert words(*tokens) == {
            "scene": ("imitate",), "gravity": ("0", "-1e1", ".5"), "unknown": ("a", "b"),
        }  # fmt: skip

    def test_overrides_win_as_words_that_deepmimic_reads(self):
        found = words(
            "--enable_fall_end", "true", "--world_scale", "2",
            enable_fall_end=False, enable_rand_rot_reset=True, fall_contact_bodies=range(2),
            motion_file=pathlib.Path("clip.txt"), gravity=[0, -9.8, 0], ball_radius=0.3,
            output_path=pathlib.Path("out"), rand_seed=3,
        )  # fmt: skip
        assert found == {
            "enable_fall_end": ("false",), "world_scale": ("2",),
            "enable_rand_rot_reset": ("true",), "fall_contact_bodies": ("0", "1"),
            "motion_file": ("clip.txt",), "gravity": ("0.0", "-9.8", "0.0"),
            "ball_radius": ("0.3",), "output_path": ("out",), "rand_seed": ("3",),
        }  # fmt: skip

    def test_words_read_back_as_what_they_were(self):
        found = words(world_scale=0.1, num_sim_substeps=3, enable_fall_end=False)
        tokens = [token for key, value in found.items() for token in (f"--{key}", *value)]
        result = read(*tokens)
        assert (result.world_scale, result.num_sim_substeps) == (0.1, 3)
        assert result.enable_fall_end is False

    def test_a_key_of_the_arguments_may_be_overridden_though_nobody_knows_it(self):
        assert words("--mine", "1", mine=2) == {"mine": ("2",)}

    @pytest.mark.parametrize(
        ("overrides", "sentence"),
        [
            (
                {"enable_self_collision": False},
                "Expected core='embedded', which alone has it, for 'enable_self_collision' in "
                "override, got False.",
            ),
            (
                {"scene": "kin_char"},
                "Expected one of DeepMimic's scenes with an agent (dribble_amp, heading_amp, "
                "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp) for 'scene' in "
                "override, got kin_char.",
            ),
            (
                {"scene": "imitate_clips"},
                "Expected one of DeepMimic's scenes with an agent (dribble_amp, heading_amp, "
                "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp) for 'scene' in "
                "override, got imitate_clips.",
            ),
            (
                {"char_types": "dog"},
                "Expected general for 'char_types' in override, got dog.",
            ),
            (
                {"num_sim_substeps": 0},
                "Expected an integer from 1 to 10000 for 'num_sim_substeps' in override, got 0.",
            ),
            (
                {"min_perturb": 2.5, "max_perturb": 1},
                "Expected at least min_perturb (2.5) for 'max_perturb' in override, got 1.",
            ),
        ],
    )
    def test_what_would_end_deepmimics_process_is_an_error(self, overrides, sentence):
        with pytest.raises(errors.ArgumentError) as info:
            words(**overrides)
        assert str(info.value) == sentence

    def test_an_override_that_nobody_knows_is_an_error(self):
        with pytest.raises(errors.UnknownNameError, match="Did you mean 'num_sim_substeps'"):
            words(num_sim_substep=3)
