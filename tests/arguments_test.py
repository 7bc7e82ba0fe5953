"""Tests of the arg-file grammar, of scene settings, and of how errors travel."""

import copy
import dataclasses
import math
import pathlib
import pickle
import warnings

import pytest

from dm_deepmimic import arguments, errors

MINIMAL = (
    "--scene imitate --character_files c.txt --char_ctrl_files k.txt --motion_file m.txt".split()
)


def beside(name: str, arg_file: pathlib.Path | None) -> pathlib.Path:
    """Finds a nested arg file in the folder of the file that names it."""
    return pathlib.Path(name) if arg_file is None else arg_file.parent / name


def parse(*tokens: str) -> arguments.Arguments:
    return arguments.parse_tokens(tokens, beside)


def settings(*tokens: str, **overrides: object) -> arguments.SceneSettings:
    return arguments.scene_settings(parse(*tokens, *MINIMAL), overrides)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Returns a function that writes a file in the current folder and returns its bare name."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes, name: str = "walk.txt") -> str:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return write_file


@pytest.fixture
def read(write):
    """Returns a function that parses a text as an arg file and returns the words by key."""

    def read_text(text: str | bytes) -> dict[str, tuple[str, ...]]:
        parsed = arguments.parse_file(write(text), beside)
        return {key: value.values for key, value in parsed.items()}

    return read_text


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("--a 1 2\n--b x", {"a": ("1", "2"), "b": ("x",)}),
            ("--a\t1,2,,3 ,\n4\r\n5", {"a": ("1", "2", "3", "4", "5")}),
            ("--a 1\r\n\r\n--b\r\n", {"a": ("1",), "b": ()}),
            ("#--a 1\n--a 2", {"a": ("2",)}),
            ("--a 1 #2 3", {"a": ("1", "3")}),
            (" #--a 1\n--b 2#3", {"b": ("2#3",)}),
            ("dropped 1 --a 2", {"a": ("2",)}),
            ("--a 1 --a 2 3 --b 4", {"a": ("1",), "b": ("4",)}),
            ("--a -- - -1 --x --- 2", {"a": ("--", "-", "-1"), "x": (), "-": ("2",)}),
            ("--motion_file démarche/歩.txt", {"motion_file": ("démarche/歩.txt",)}),
            ("--a 1\u00a02\x0b3", {"a": ("1\u00a02\x0b3",)}),
            ("\ufeff--a 1", {"a": ("1",)}),
            (b"# caf\xe9\n--a 1", {"a": ("1",)}),
            ("", {}),
            ("\n\n#\n", {}),
        ],
    )
    def test_a_file_is_read_as_deepmimic_does(self, read, text, expected):
        assert read(text) == expected

    def test_commas_do_not_split_tokens_of_a_sequence(self):
        assert parse("--a", "1,2", "#3", "4 5")["a"].values == ("1,2", "4 5")

    def test_a_value_remembers_its_line(self, write):
        parsed = arguments.parse_file(write("--a 1\n\n--b\n2"), beside)
        assert parsed["a"] == arguments.Value(("1",), "walk.txt:1")
        assert parsed["b"] == arguments.Value(("2",), "walk.txt:3")


class TestNestedFiles:
    def test_the_outer_file_wins_wherever_it_names_the_inner_one(self, write):
        write("--a inner --b inner", "inner.txt")
        parsed = arguments.parse_file(write("--arg_file inner.txt\n--a outer"), beside)
        assert parsed["a"].values == ("outer",)
        assert parsed["b"] == arguments.Value(("inner",), "inner.txt:1")
        assert "arg_file" not in parsed

    def test_tokens_win_over_files_that_may_nest(self, write):
        write("--arg_file c.txt --b b --c b", "b.txt")
        write("--a c --b c --c c --d c", "c.txt")
        parsed = parse("--arg_file", "b.txt", "--a", "token")
        words = {key: value.values[0] for key, value in parsed.items()}
        assert words == {"a": "token", "b": "b", "c": "b", "d": "c"}

    @pytest.mark.parametrize("inner", ["walk.txt", "./walk.txt"])
    def test_a_cycle_is_an_error(self, write, inner):
        write(f"\n--arg_file {inner}", "inner.txt")
        with pytest.raises(errors.ArgumentError) as info:
            arguments.parse_file(write("--arg_file inner.txt"), beside)
        assert str(info.value) == (
            "Expected a file that does not lead back to itself for 'arg_file' in inner.txt:2, "
            f"got '{inner}'."
        )

    def test_a_missing_name_is_an_error(self, write):
        with pytest.raises(errors.ArgumentError) as info:
            arguments.parse_file(write("--a 1\n--arg_file"), beside)
        expected = "Expected a file name for 'arg_file' in walk.txt:2, got nothing."
        assert str(info.value) == expected


class TestSceneSettings:
    def test_defaults_are_deepmimics(self):
        result = settings()
        assert result == arguments.SceneSettings(
            scene="imitate",
            character_files=("c.txt",),
            char_ctrl_files=("k.txt",),
            motion_file="m.txt",
            num_update_substeps=1,
            num_sim_substeps=1,
            world_scale=1.0,
            gravity=(0.0, -9.8, 0.0),
            enable_char_contact_fall=True,
            enable_rand_char_placement=True,
            fall_contact_bodies=(),
            sync_char_root_pos=True,
            sync_char_root_rot=False,
            enable_fall_end=True,
            timer_type="uniform",
            time_lim_min=math.inf,
            time_end_lim_exp=1.0,
            anneal_samples=-1,
        )

    def test_words_become_typed_values(self):
        text = (
            "--num_sim_substeps 2 --gravity 0 -1e1 .5 --fall_contact_bodies 0 1 14 --timer_type exp"
            " --time_lim_min 0 --time_lim_max inf --state_files s.txt --char_init_pos_xs -2"
            " --kin_ctrl motion"
        )
        result = settings(*text.split())
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
        assert settings("--enable_fall_end", word).enable_fall_end is value

    def test_limits_after_annealing_default_to_those_before(self):
        result = settings(*"--time_lim_min 1 --time_lim_max 2 --time_lim_exp 3".split())
        ends = (result.time_end_lim_min, result.time_end_lim_max, result.time_end_lim_exp)
        assert ends == (1.0, 2.0, 3.0)

    def test_settings_are_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            settings().scene = "other"  # type: ignore[misc]

    def test_an_empty_list_of_bodies_is_a_list(self):
        assert settings("--fall_contact_bodies").fall_contact_bodies == ()

    @pytest.mark.parametrize(
        ("words", "expected", "got"),
        [
            ("num_sim_substeps two", "an integer", "'two'"),
            ("num_sim_substeps 2.0", "an integer", "'2.0'"),
            ("num_sim_substeps 0", "an integer from 1 to 10000", "0"),
            ("num_update_substeps -1", "an integer from 1 to 10000", "-1"),
            ("num_sim_substeps " + 5000 * "9", "an integer", repr(5000 * "9")),
            ("num_sim_substeps ٣", "an integer", "'٣'"),
            ("num_sim_substeps", "an integer", "nothing"),
            ("world_scale nan", "a number", "'nan'"),
            ("world_scale 1_0", "a number", "'1_0'"),
            ("world_scale inf", "a finite number above 0", "inf"),
            ("world_scale 1e999", "a finite number above 0", "inf"),
            ("world_scale 0", "a finite number above 0", "0.0"),
            ("gravity 0 -9.8", "three finite numbers", "0.0 -9.8"),
            ("gravity 0 inf 0", "three finite numbers", "0.0 inf 0.0"),
            ("enable_fall_end yes", "true or false", "'yes'"),
            ("enable_fall_end TRUE", "true or false", "'TRUE'"),
            ("fall_contact_bodies 0 knee", "integers", "'knee'"),
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
        parsed = arguments.parse_file(write(text), beside)
        with pytest.raises(errors.ArgumentError) as info:
            arguments.scene_settings(parsed)
        key = words.split()[0]
        assert str(info.value) == f"Expected {expected} for '{key}' in walk.txt:2, got {got}."

    def test_a_longest_end_limit_below_the_shortest_names_the_key_that_was_given(self):
        with pytest.raises(errors.ArgumentError) as info:
            settings(*"--time_lim_min 1 --time_lim_max 2 --time_end_lim_min 20".split())
        assert str(info.value) == (
            "Expected at most time_end_lim_max (2) for 'time_end_lim_min' in the arguments, got 20."
        )

    @pytest.mark.parametrize("key", ["scene", "character_files", "char_ctrl_files", "motion_file"])
    def test_a_missing_key_is_an_error(self, write, key):
        tokens = " ".join(MINIMAL).replace(f"--{key} ", "--num_workers ")
        parsed = arguments.parse_file(write(tokens), beside)
        with pytest.raises(errors.ArgumentError) as info:
            arguments.scene_settings(parsed)
        expected = "a name" if key == "scene" else "a file name"
        assert str(info.value) == f"Expected {expected} for '{key}' in walk.txt, got nothing."

    def test_an_unknown_scene_lists_the_known_ones(self, write):
        parsed = arguments.parse_file(write("--scene imitat"), beside)
        with pytest.raises(errors.UnknownNameError) as info:
            arguments.scene_settings(parsed)
        assert str(info.value) == (
            "Unknown scene 'imitat' in walk.txt:1. Known scenes: dribble_amp, heading_amp, "
            "heading_amp_getup, imitate, imitate_amp, strike_amp, target_amp."
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
            settings(*f"--{words}".split())
        assert str(info.value) == f"The embedded core does not support {expected}"

    def test_several_values_where_one_is_read_are_a_warning(self):
        with pytest.warns(UserWarning) as caught:
            assert settings("--num_sim_substeps", "2", "3").num_sim_substeps == 2
        assert str(caught[0].message) == (
            "Expected one value for 'num_sim_substeps' in the arguments, got 2; only '2' is used."
        )


class TestUnknownKeys:
    def test_a_key_that_nobody_reads_is_a_warning_with_the_nearest_key(self, write):
        parsed = arguments.parse_file(write(f"--sync_root_pos 1\n{' '.join(MINIMAL)}"), beside)
        with pytest.warns(UserWarning) as caught:
            arguments.scene_settings(parsed)
        assert [str(warning.message) for warning in caught] == [
            "Unknown argument 'sync_root_pos' in walk.txt:1. Did you mean 'sync_char_root_pos'?"
        ]

    @pytest.mark.parametrize("key", sorted(arguments.IGNORED_KEYS))
    def test_keys_of_deepmimics_driver_are_silent(self, key):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            settings(f"--{key}", "anything")

    def test_ignored_keys_are_not_settings(self):
        names = {field.name for field in dataclasses.fields(arguments.SceneSettings)}
        assert not names & arguments.IGNORED_KEYS


class TestOverrides:
    def test_overrides_win_even_over_bad_values(self):
        result = settings("--num_sim_substeps", "none", num_sim_substeps=1)
        assert result.num_sim_substeps == 1

    def test_python_values_become_the_type_of_their_key(self):
        result = settings(
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
            ("num_sim_substeps", True, "an integer"),
            ("num_sim_substeps", 2.0, "an integer"),
            ("num_sim_substeps", "2", "an integer"),
            ("num_sim_substeps", None, "an integer"),
            ("num_sim_substeps", [2], "an integer"),
            ("num_sim_substeps", 0, "an integer from 1 to 10000"),
            ("world_scale", True, "a number"),
            ("world_scale", math.nan, "a number"),
            ("world_scale", 10**400, "a number"),
            ("enable_fall_end", 1, "true or false"),
            ("enable_fall_end", "true", "true or false"),
            ("fall_contact_bodies", [0, True], "integers"),
            ("fall_contact_bodies", {0: 1}, "integers"),
            ("motion_file", 3, "a name"),
            ("motion_file", b"clip.txt", "a name"),
            ("motion_file", "", "a file name"),
            ("state_files", [1], "names"),
        ],
    )
    def test_a_value_of_another_type_is_an_error(self, key, value, expected):
        with pytest.raises(errors.ArgumentError) as info:
            settings(**{key: value})
        assert str(info.value) == f"Expected {expected} for '{key}' in override, got {value!r}."

    def test_an_unknown_key_is_an_error_with_the_nearest_key(self):
        with pytest.raises(errors.UnknownNameError) as info:
            settings(num_sim_substep=1)
        start = "Unknown argument 'num_sim_substep' in override. Did you mean 'num_sim_substeps'? "
        assert str(info.value).startswith(
            start + "Known arguments: anneal_samples, ball_radius, char_ctrl_files"
        )

    @pytest.mark.parametrize("key", ["arg_file", "output_path"])
    def test_a_key_without_effect_is_an_error(self, key):
        with pytest.raises(errors.UnknownNameError):
            settings(**{key: "x"})


ERRORS = [
    (errors.DeepMimicError("Sentence."), Exception, "Sentence."),
    (errors.CoreError("Sentence."), RuntimeError, "Sentence."),
    (
        errors.ArgumentError("a.txt:1", "k", "'v'", "an integer"),
        ValueError,
        "Expected an integer for 'k' in a.txt:1, got 'v'.",
    ),
    (
        errors.UnknownNameError("core", "nativ", "", ["native", "embedded"], suggest=True),
        ValueError,
        "Unknown core 'nativ'. Did you mean 'native'? Known cores: embedded, native.",
    ),
    (
        errors.AssetNotFoundError("motion", "m.txt", [pathlib.PurePosixPath("/a"), "/b"], "Hint."),
        FileNotFoundError,
        "No motion 'm.txt'. Looked for:\n  /a\n  /b\nHint.",
    ),
    (
        errors.AssetFormatError("c.txt", "Skeleton.Joints[3].Type", "a joint type", "'ball'"),
        ValueError,
        "Expected a joint type at Skeleton.Joints[3].Type in c.txt, got 'ball'.",
    ),
    (
        errors.ActionError("an action of shape (28,)", "shape (3,)"),
        ValueError,
        "Expected an action of shape (28,), got shape (3,).",
    ),
    (
        errors.UnsupportedError("terrain 'stairs'", "plane.txt", "'plane'"),
        NotImplementedError,
        "The embedded core does not support terrain 'stairs' in plane.txt. It supports 'plane'.",
    ),
]


@pytest.mark.parametrize(("error", "builtin", "sentence"), ERRORS)
class TestErrors:
    def test_an_error_writes_its_sentence(self, error, builtin, sentence):
        assert str(error) == sentence

    def test_an_error_is_the_packages_and_a_builtin_one(self, error, builtin, sentence):
        assert isinstance(error, errors.DeepMimicError)
        assert isinstance(error, builtin)

    @pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
    def test_an_error_survives_pickling(self, error, builtin, sentence, duplicate):
        twin = duplicate(error)
        assert type(twin) is type(error)
        assert str(twin) == sentence
