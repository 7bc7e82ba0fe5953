"""Tests of files of named arrays."""

import io
import pickle
import resource
import struct
import zipfile

import numpy as np
import pytest

from dm_deepmimic import array_files, errors

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "b/c['d']": np.array(3),
    "empty": np.zeros((0, 4), np.float32),
    "text": np.array("walk"),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """Returns an .npy file of any header."""
    size = struct.pack("<H" if version == b"\1\0" else "<I", len(header) + 1)
    return b"\x93NUMPY" + version + size + header.encode() + b"\n" + data


def header(shape: str, descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.fixture(name="fail")
def fail_fixture(tmp_path):
    """Returns a function that reads a zip file of members and returns the error's sentence."""
    path = tmp_path / "arrays.npz"

    def fail_to_read(members, **options) -> str:
        if isinstance(members, bytes):
            path.write_bytes(members)
        else:
            with zipfile.ZipFile(path, "w", **options) as archive:
                for name, data in members:
                    archive.writestr(name, data)
        with pytest.raises(errors.AssetFormatError) as error:
            array_files.read(path, "arrays")
        return str(error.value).replace(str(path), "arrays.npz")

    return fail_to_read


class Evil:
    """Writes a file where its pickle is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


class TestWriting:
    def test_arrays_survive_their_file(self, tmp_path):
        path = tmp_path / "arrays.npz"
        array_files.write(path, ARRAYS)
        read = array_files.read(path, "arrays")
        assert read.names == ARRAYS.keys()
        for name, array in ARRAYS.items():
            found = read.array(name, *array.shape)
            np.testing.assert_array_equal(found, array, strict=True)
            assert not found.flags.writeable
        with np.load(path) as file:
            np.testing.assert_array_equal(file["a"], ARRAYS["a"])
        assert list(tmp_path.iterdir()) == [path]

    def test_python_objects_are_refused_and_the_old_file_stays(self, tmp_path):
        array_files.write(tmp_path / "arrays.npz", ARRAYS)
        with pytest.raises(ValueError, match="Object arrays cannot be saved"):
            array_files.write(tmp_path / "arrays.npz", {"a": 10**400})
        assert array_files.read(tmp_path / "arrays.npz", "arrays").names == ARRAYS.keys()

    def test_a_full_disk_leaves_the_old_file(self, tmp_path, full_disk):
        path = tmp_path / "arrays.npz"
        array_files.write(path, ARRAYS)
        with full_disk(), pytest.raises(OSError):
            array_files.write(path, {"a": np.zeros(100_000)})
        assert array_files.read(path, "arrays").names == ARRAYS.keys()
        assert list(tmp_path.iterdir()) == [path]

    def test_an_interruption_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "text"
        path.write_text("old")
        with pytest.raises(KeyboardInterrupt), array_files.replacing(path) as file:
            file.write(b"new")
            assert path.read_text() == "old"
            raise KeyboardInterrupt
        assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


class TestReading:
    def test_a_missing_file(self, tmp_path):
        for name in ("no.npz", "n" * 5000):
            with pytest.raises(errors.AssetNotFoundError, match=f"^No policy '{name}'. Looked"):
                array_files.read(tmp_path / name, "policy")

    def test_pickles_are_not_read(self, fail, tmp_path):
        evil = pickle.dumps(Evil(str(tmp_path / "proof")))
        assert fail([("a.npy", npy(header("(1,)", "'|O'"), evil))]) == (
            "Expected numbers or text at a in arrays.npz, got Python objects."
        )
        assert fail(evil) == (
            "Expected arrays at its content in arrays.npz, got File is not a zip file."
        )
        assert not (tmp_path / "proof").exists()

    @pytest.mark.parametrize(
        ("shape", "got"),
        [
            ("(10**12,)", ""),
            ("(1000000000000,)", "16 for shape (1000000000000,) of float64"),
            ("(3,)", "16 for shape (3,) of float64"),
            ("(1,)", "16 for shape (1,) of float64"),
            ("(-1, -2)", "16 for shape (-1, -2) of float64"),
            ("(0, 99999999999999999999)", "16 for shape (0, 99999999999999999999) of float64"),
            (f"({'9' * 4000},)", f"16 for shape ({'9' * 76}... of float64"),
            (f"({'9' * 3000}, {'9' * 3000})", f"16 for shape ({'9' * 76}... of float64"),
            (f"({'1,' * 65})", f"8 for shape ({'1, ' * 25}1... of float64"),
        ],
    )
    def test_shapes_that_do_not_fit_the_bytes(self, fail, shape, got):
        data = bytes(8 if shape.startswith("(1,1") else 16)
        sentence = fail([("a.npy", npy(header(shape), data))])
        if got:
            expected = "as many bytes as its header claims at a in arrays.npz"
            assert sentence == f"Expected {expected}, got {got}."
        else:
            assert sentence.startswith("Expected an array's header at a in arrays.npz")

    @pytest.mark.parametrize(
        "member",
        [
            b"",
            b"\x93NUMPY",
            npy(header("(1,)"), bytes(8), b"\7\7"),
            npy("(" * 5000, bytes(8)),
            npy("[" * 9000 + "]" * 900, bytes(8)),
            npy(header("(1,)") + " " * 20000, bytes(8)),
            npy(header("(1,)", "'nonsense'"), bytes(8)),
            npy(header("(1,)", "[" * 300 + "]" * 300), bytes(8)),
            npy(header("'1'"), bytes(8)),
            npy("__import__('os')", bytes(8)),
            npy(header("(1,)"), bytes(8))[:30],
            b"\x93NUMPY\2\0\xff\xff\xff\xff",
        ],
    )
    def test_headers_that_are_none(self, fail, member):
        assert fail([("a.npy", member)]) == (
            "Expected an array's header at a in arrays.npz, got one that NumPy cannot read."
        )

    @pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    @pytest.mark.parametrize("size", [1, 1_000_000])
    def test_what_could_grow_is_refused(self, fail, kind, size):
        bomb = npy(header(f"({size},)"), bytes(8 * size))
        assert fail([("a.npy", bomb)], compression=kind) == (
            "Expected arrays as numpy.savez writes them at its content in arrays.npz, got "
            "compressed ones."
        )

    def test_members_that_share_their_bytes_are_refused(self, fail):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("a.npy", npy(header("(1000,)"), bytes(8000)))
            for number in range(100):  # entries of the directory, all of the same bytes
                shared = zipfile.ZipInfo("a.npy", archive.infolist()[0].date_time)
                for name in ("CRC", "compress_size", "file_size", "header_offset"):
                    setattr(shared, name, getattr(archive.infolist()[0], name))
                shared.filename = f"a{number}.npy"
                archive.filelist.append(shared)
        assert fail(content.getvalue()) == (
            "Expected arrays as numpy.savez writes them at its content in arrays.npz, got larger "
            "ones than the file is."
        )

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_other_members(self, fail):
        one = npy(header("(1,)"), bytes(8))
        assert fail([("a.npy", one), ("a.npy", one)]) == (
            "Expected one array at a in arrays.npz, got two."
        )
        assert fail([("a.txt", b"text")]) == (
            "Expected one array at a.txt in arrays.npz, got the file a.txt."
        )

    def test_text_of_no_characters(self, tmp_path):
        path = tmp_path / "text.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", npy(header("()", "'<U1'"), b"\xff" * 4))
        with pytest.raises(errors.AssetFormatError, match=r"^Expected text at a in .* other bytes"):
            array_files.read(path, "arrays").text("a")

    def test_a_file_that_no_memory_holds(self, tmp_path):
        path = tmp_path / "arrays.npz"
        with path.open("wb") as file:
            file.truncate(2**40)  # no bytes on the disk
        with pytest.raises(errors.AssetFormatError) as error:
            array_files.read(path, "arrays")
        assert str(error.value) == (
            f"Expected at most {2**30} bytes at its size in {path}, got {2**40}."
        )


def test_a_full_disk_is_what_it_says(tmp_path, full_disk):
    with full_disk(), pytest.raises(OSError), (tmp_path / "file").open("wb", 0) as file:
        file.write(bytes(2000))
        file.write(bytes(2000))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
