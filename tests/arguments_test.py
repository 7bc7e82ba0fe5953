"""Tests of the grammar of arg files."""

import pathlib

import pytest

from dm_deepmimic import arguments, errors


def beside(name: str, arg_file: pathlib.Path | None) -> arguments.ArgFile:
    """Finds a nested arg file in the folder of the file that names it."""
    return arguments.read_file(name if arg_file is None else arg_file.parent / name)


def parse(*tokens: str) -> arguments.Arguments:
    return arguments.parse_tokens(tokens, beside)


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
        parsed = arguments.parse_file(arguments.read_file(write(text)), beside)
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
            ('--a "my clips/walk one.txt" 2', {"a": ("my clips/walk one.txt", "2")}),
            ('--a "1, 2","3"\t"4"\r\n"" 5', {"a": ("1, 2", "3", "4", "", "5")}),
            ('--a 5" it\'s"not"\n--b 1', {"a": ('5"', 'it\'s"not"'), "b": ("1",)}),
            ('# "no end\n--a 1', {"a": ("1",)}),
            ("", {}),
            ("\n\n#\n", {}),
        ],
    )
    def test_a_file_is_read_as_deepmimic_does(self, read, text, expected):
        assert read(text) == expected

    def test_commas_do_not_split_tokens_of_a_sequence(self):
        assert parse("--a", "1,2", "#3", "4 5")["a"].values == ("1,2", "4 5")

    def test_a_value_remembers_its_line(self, write):
        parsed = arguments.parse_file(arguments.read_file(write("--a 1\n\n--b\n2")), beside)
        assert parsed["a"] == arguments.Value(("1",), "walk.txt:1")
        assert parsed["b"] == arguments.Value(("2",), "walk.txt:3")

    @pytest.mark.parametrize("value", ['"my clips/walk.txt', '"a"b', '"'])
    def test_a_quote_without_an_end_is_an_error(self, write, value):
        file = arguments.read_file(write(f"--a 1\n--motion_file x {value} 1\n"))
        with pytest.raises(errors.ArgumentError) as info:
            arguments.parse_file(file, beside)
        word = value.split(" ")[0]
        assert str(info.value) == (
            "Expected a word that ends with a quote, as it begins with one, for 'motion_file' in "
            f"walk.txt:2, got {word!r}."
        )

    def test_words_with_dashes_are_kept_wherever_they_stand(self, write):
        text = "-scene imitate\n--a -1\n--a=2 -b\n--a -1"
        parsed = arguments.parse_file(arguments.read_file(write(text)), beside)
        assert parsed.dashed == {
            "-scene": "walk.txt:1", "--a": "walk.txt:2", "-1": "walk.txt:2",
            "--a=2": "walk.txt:3", "-b": "walk.txt:3",
        }  # fmt: skip


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b'{"Loop": "wrap", "Frames": []}', "a clip"),
            (b'\xef\xbb\xbf {"Motions": []}', "a set of clips"),
            (
                b"HIERARCHY\nROOT Hips",
                "a BVH file, which python -m dm_deepmimic.convert makes a clip of",
            ),
            (b"PK\x03\x04\x00", "a zip file, such as NumPy's .npz"),
        ],
    )
    def test_they_are_named(self, write, content, what):
        with pytest.raises(errors.AssetFormatError) as info:
            arguments.read_file(write(content))
        assert str(info.value) == (
            f"Expected keys such as --scene at the file in walk.txt, got {what}."
        )

    @pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_16_is_named(self, write, code):
        with pytest.raises(errors.AssetFormatError) as info:
            arguments.read_file(write("--scene imitate".encode(code)))
        assert str(info.value) == "Expected text in UTF-8 at the file in walk.txt, got UTF-16."


class TestNestedFiles:
    def test_the_outer_file_wins_wherever_it_names_the_inner_one(self, write):
        write("--a inner --b inner", "inner.txt")
        parsed = arguments.parse_file(
            arguments.read_file(write("--arg_file inner.txt\n--a outer")), beside
        )
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
            arguments.parse_file(arguments.read_file(write("--arg_file inner.txt")), beside)
        assert str(info.value) == (
            "Expected a file that does not lead back to itself for 'arg_file' in inner.txt:2, "
            f"got '{inner}'."
        )

    def test_a_text_that_is_no_file_may_nest_and_not_lead_back_to_itself(self):
        texts = {"a": "--arg_file b --x 1", "b": "--y 2\n--arg_file a"}
        with pytest.raises(errors.ArgumentError) as info:
            arguments.parse_tokens(
                ["--arg_file", "a"], lambda name, _: arguments.ArgFile(f"text {name}", texts[name])
            )
        expected = "Expected a file that does not lead back to itself for 'arg_file' in text b:2,"
        assert str(info.value) == f"{expected} got 'a'."
        texts["b"] = "--x 2\n--y 3"
        parsed = arguments.parse_file(
            arguments.ArgFile("text a", texts["a"]),
            lambda name, _: arguments.ArgFile(f"text {name}", texts[name]),
        )
        assert parsed == {
            "x": arguments.Value(("1",), "text a:1"), "y": arguments.Value(("3",), "text b:2"),
        }  # fmt: skip
        assert parsed.source == "text a" and parsed.files == []

    def test_thousands_of_files_may_nest_and_each_is_looked_for_once(self):
        count, asked = 3000, []

        def find(name: str, including: pathlib.Path | None) -> arguments.ArgFile:
            asked.append(name)
            last = "" if int(name) == count else f"--arg_file {int(name) + 1}"
            return arguments.ArgFile(f"file {name}", f"--key{name} {name}\n{last}")

        parsed = arguments.parse_tokens(["--arg_file", "1"], find)
        assert asked == [str(number) for number in range(1, count + 1)]
        assert parsed["key3000"] == arguments.Value(("3000",), "file 3000:1")
        assert len(parsed) == count

    def test_a_file_that_cannot_be_read_is_the_packages_error(self, tmp_path):
        with pytest.raises(errors.AssetFormatError) as info:
            arguments.read_file(tmp_path)
        assert str(info.value).startswith(f"Expected what can be read at the file in {tmp_path}, ")

    def test_a_missing_name_is_an_error(self, write):
        with pytest.raises(errors.ArgumentError) as info:
            arguments.parse_file(arguments.read_file(write("--a 1\n--arg_file")), beside)
        expected = "Expected a file name for 'arg_file' in walk.txt:2, got nothing."
        assert str(info.value) == expected
