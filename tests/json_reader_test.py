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
    ["", "{", '{"a": 1', '{"a": }', "nul", b"\xff\xfe{}", "\0", "[" * 100_000,
     '{"a":' * 100_000 + "1" + "}" * 100_000, '{"a": ' + 5000 * "9" + "}"],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_json_is_refused(opened, text):
    with pytest.raises(errors.AssetFormatError) as error:
        opened(text)
    assert str(error.value).startswith("Expected JSON at the file in file.txt, got ")


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
