"""Tests of reading JSON with errors that name the file and the key."""

import math

import pytest

from dm_deepmimic import errors
from dm_deepmimic.json_reader import JsonReader


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Returns a function that reads a text as a file."""
    monkeypatch.chdir(tmp_path)

    def open_text(text: str | bytes) -> JsonReader:
        path = tmp_path / "file.txt"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return JsonReader.open(path.relative_to(tmp_path))

    return open_text


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a": 1', '{"a": }', "nul", b'{"a": "caf\xe9"}', "\0", "[" * 100_000,
     '{"a":' * 100_000 + "1" + "}" * 100_000, '{"a": ' + 5000 * "9" + "}"],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_json_is_refused(opened, text):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(text)
    assert str(error.value).startswith("Expected JSON at the file in file.txt, got ")


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(opened, code):
    with pytest.raises(errors.AssetFormatError) as error:
        opened('{"a": 1}'.encode(code))
    assert str(error.value) == "Expected text in UTF-8 at the file in file.txt, got UTF-16."


def test_a_byte_order_mark_of_utf_8_is_left_out(opened):
    assert opened(b'\xef\xbb\xbf{"a": 1}').number("a") == 1.0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("# a remark\n--scene imitate\n", "an arg file"),
        (
            "HIERARCHY\r\nROOT Hips\r\n",
            "a BVH file, which python -m dm_deepmimic.convert makes a clip of",
        ),
        (b"PK\x03\x04\x14\x00\xff\xfe", "a zip file, such as NumPy's .npz"),
    ],
)
def test_other_files_are_named(opened, content, what):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(content)
    assert str(error.value) == f"Expected JSON at the file in file.txt, got {what}."


@pytest.mark.parametrize(
    ("text", "ask", "sentence"),
    [
        (
            '{"Skeleton": {}, "BodyDefs": []}', lambda reader: reader.array("Frames"),
            "Expected a non-empty array at Frames in file.txt, got nothing: it is a character.",
        ),
        (
            '{"Frames": []}', lambda reader: reader.child("Skeleton"),
            "Expected a JSON object at Skeleton in file.txt, got nothing: it is a clip.",
        ),
        (
            '{"Frames": [], "PDControllers": null}', lambda reader: reader.rows("PDControllers"),
            "Expected a non-empty array at PDControllers in file.txt, got nothing: it is a clip.",
        ),
        (
            '{"Skeleton": {}}', lambda reader: reader.rows("BodyDefs"),
            "Expected a non-empty array at BodyDefs in file.txt, got nothing.",
        ),
        (
            '{"Frames": []}', lambda reader: reader.number("Mass"),
            "Expected a number at Mass in file.txt, got nothing.",
        ),
        (
            '{"Frames": 3}', lambda reader: reader.array("Frames"),
            "Expected a non-empty array at Frames in file.txt, got 3.",
        ),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_file_of_another_kind_is_named(opened, text, ask, sentence):
    with pytest.raises(errors.AssetFormatError) as error:
        ask(opened(text))
    assert str(error.value) == sentence


def test_null_is_missing(opened):
    reader = opened('{"a": null, "AttachY": null, "AttachZ": 2}')
    assert (reader.number("a", 2.0), reader.positive("a", 3.0), reader.integer("a", 4)) == (2, 3, 4)
    assert (reader.flag("a", True), reader.text("a", "b")) == (True, "b")
    assert reader.choice("a", ("x", "y"), "y") == "y" and not reader.has("a")
    assert reader.vector("Attach").tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda reader: reader.number("a"), "a number"),
        (lambda reader: reader.positive("a"), "a number above 0"),
        (lambda reader: reader.text("a"), "a string"),
        (lambda reader: reader.choice("a", ("x", "y")), "one of x, y"),
        (lambda reader: reader.child("a"), "a JSON object"),
        (lambda reader: reader.array("a"), "a non-empty array"),
    ],
    ids=range(6),
)
@pytest.mark.parametrize("text", ["{}", '{"a": null}'])
def test_what_is_missing_is_nothing(opened, text, ask, expected):
    with pytest.raises(errors.AssetFormatError) as error:
        ask(opened(text))
    assert str(error.value) == f"Expected {expected} at a in file.txt, got nothing."


@pytest.mark.parametrize("text", ["[]", "3", "null", '"a"', "NaN"])
def test_what_is_no_object_is_refused(opened, text):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(text)
    assert str(error.value).startswith("Expected a JSON object at the file in file.txt, got ")


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '{"b": [{"a": 1, "a": 2}]}'])
def test_a_key_that_stands_twice_is_refused(opened, text):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(text)
    assert str(error.value) == "Expected one value at a in file.txt, got 2."


@pytest.mark.parametrize("ask", ["number", "positive"])
@pytest.mark.parametrize(
    ("text", "got"),
    [("1e10", "10000000000.0"), ("1e308", "1e+308"), ("1" + 300 * "0", "1" + 56 * "0" + "...")],
)
def test_absurd_numbers_are_refused(opened, ask, text, got):
    with pytest.raises(errors.AssetFormatError) as error:
        getattr(opened(f'{{"a": {text}}}'), ask)("a")
    assert str(error.value) == f"Expected a number of at most 1e+09 at a in file.txt, got {got}."


@pytest.mark.parametrize(
    ("text", "got"),
    [("NaN", "nan"), ("Infinity", "inf"), ("1e400", "inf"), ("true", "True"), ('"1"', "'1'"),
     ("[1]", "[1]"), ("1" + 400 * "0", "1" + 56 * "0" + "..."), ("null", "nothing")],
)  # fmt: skip
def test_what_is_no_number_is_refused(opened, text, got):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(f'{{"a": {text}}}').number("a")
    assert str(error.value) == f"Expected a number at a in file.txt, got {got}."


def test_numbers_are_floats_of_at_least_the_lowest(opened):
    reader = opened('{"a": 1000000000, "b": -1e9}')
    assert (reader.number("a"), reader.number("b"), reader.number("c", 2.0)) == (1e9, -1e9, 2.0)
    assert type(reader.positive("a")) is float and reader.number("a", low=-math.inf) == 1e9
    with pytest.raises(errors.AssetFormatError, match="Expected a number of at least 0 at b in"):
        reader.number("b", low=0.0)
