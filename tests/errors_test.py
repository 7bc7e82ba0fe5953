"""Tests of how errors travel, and of warnings."""

import copy
import pathlib
import pickle

import pytest

from dm_deepmimic import errors

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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"), (60 * [1], "[" + 18 * "1, " + "1,..."), (56 * "x", f"'{56 * 'x'}'"),
        (10**5000, "int of thousands of digits"), ([10**5000], "list of thousands of digits"),
    ],
    ids=range(5),  # Python does not write the numbers
)  # fmt: skip
def test_a_value_is_shown_in_one_short_piece(value, text):
    assert errors.shown(value) == text and len(text) <= 60


def test_a_warning_points_at_the_line_outside_the_package_that_led_to_it():
    package = {"__name__": "dm_deepmimic.inside", "warn": errors.warn}
    exec("def outer(): inner()\ndef inner(): warn('careful', RuntimeWarning)", package)
    for function in ("inner", "outer"):
        with pytest.warns(RuntimeWarning, match="careful") as caught:
            package[function]()
        assert caught[0].filename == __file__
