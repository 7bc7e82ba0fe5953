"""Tests of the training examples' learning curve."""

import pathlib
import struct
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("absl")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import curves  # noqa: E402

import dm_deepmimic  # noqa: E402

ROWS = [{"steps": 100, "kl": 0.25}, {"steps": 200, "kl": np.float32(0.5)}, {"steps": 300, "kl": 1}]
WHOLE = "kl,steps\n0.25,100\n0.5,200\n1,300\n"


@pytest.fixture(name="table")
def table_fixture(tmp_path) -> pathlib.Path:
    return tmp_path / curves.TABLE


def curve_of(rows, output: pathlib.Path) -> curves.LearningCurve:
    curve = curves.LearningCurve(output)
    for row in rows:
        curve.add(row)
    return curve


def resumed(table: pathlib.Path, content: bytes | str, steps: int = 1000) -> str:
    """Returns the table after a resumption from some content, as it is saved again."""
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    curve = curves.LearningCurve(table.parent, resumed=steps)
    curve.save(())
    return table.read_text()


def test_rows_and_picture_are_saved(tmp_path, table):
    curve_of(ROWS, tmp_path).save(("kl", "style_reward"))
    assert table.read_text() == WHOLE
    assert (tmp_path / curves.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == [curves.TABLE, curves.PICTURE]


def test_a_resumed_curve_goes_on(tmp_path, table):
    table.write_text(WHOLE)
    curve = curves.LearningCurve(tmp_path, resumed=300)
    curve.add({"steps": 400, "kl": 2, "style_reward": 0.5})
    curve.save(("kl",))
    assert table.read_text() == (
        "kl,steps,style_reward\n0.25,100,nan\n0.5,200,nan\n1,300,nan\n2,400,0.5\n"
    )


def test_rows_beyond_the_checkpoint_are_dropped(table):
    assert resumed(table, WHOLE, steps=200) == "kl,steps\n0.25,100\n0.5,200\n"


def test_a_missing_table_is_an_empty_curve(tmp_path, table):
    curve = curves.LearningCurve(tmp_path, resumed=100)
    curve.add(ROWS[0])
    curve.save(())
    assert table.read_text() == "kl,steps\n0.25,100\n"


@pytest.mark.parametrize("size", range(len(WHOLE)))
def test_a_stump_is_dropped_with_a_remark(table, caplog, size):
    lines = WHOLE[:size].count("\n")
    kept = "".join(WHOLE.splitlines(keepends=True)[:lines])
    if lines <= 1:  # no row is left, so no name
        kept = "\n"
    assert resumed(table, WHOLE[:size]) == kept
    is_cut = size > 0 and WHOLE[size - 1] != "\n"
    remark = f"Dropped 1 rows of {table} that were not whole."
    assert caplog.messages == ([remark] if is_cut else [])


@pytest.mark.parametrize(
    "stump",
    ["0.5,", "0.5", "0.5,2000.5,200", "", "\0\0\0\0", "\xff\xfe,1", "nothing,1", "9" * 200_000],
)
def test_a_stump_amid_rows_is_dropped(table, caplog, stump):
    broken = WHOLE.replace("0.5,200", stump).encode("latin-1")
    assert resumed(table, broken) == "kl,steps\n0.25,100\n1,300\n"
    assert caplog.messages == [f"Dropped 1 rows of {table} that were not whole."]


def test_line_ends_of_acmes_tables_are_read(table):
    assert resumed(table, WHOLE.replace("\n", "\r\n")) == WHOLE


@pytest.mark.parametrize("content", ["kl,update\n1,2\n", "\0\0\0\n1,2\n"])
def test_a_table_without_steps_is_dropped(table, caplog, content):
    assert resumed(table, content) == "\n"
    assert caplog.messages == [f"Dropped 1 rows of {table} that were not whole."]


@pytest.mark.parametrize("more", [1, 1000])  # with 1 the table still has room, the picture not
def test_a_full_disk_leaves_the_old_files(tmp_path, table, full_disk, more):
    curve = curve_of(ROWS, tmp_path)
    curve.save(("kl",))
    picture = (tmp_path / curves.PICTURE).read_bytes()
    for _ in range(more):
        curve.add(ROWS[0])
    with full_disk(), pytest.raises(OSError):
        curve.save(("kl",))
    assert table.read_text() == WHOLE + ("0.25,100\n" if more == 1 else "")
    assert (tmp_path / curves.PICTURE).read_bytes() == picture
    assert len(list(tmp_path.iterdir())) == 2


def events_of(file):
    """Returns the events of a file, each after its length and a check sum, before another."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    content, events = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        events.append(event_pb2.Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return events


def test_events_have_the_names_and_the_steps(tmp_path):
    pytest.importorskip("tensorboardX")
    curve = curves.LearningCurve(tmp_path, with_events=True)
    curve.add({"steps": 128, "Episode_Termination/fall": 0.25})
    curve.close()
    (file,) = (tmp_path / curves.EVENTS).iterdir()
    found = [
        (value.tag, event.step, value.simple_value)
        for event in events_of(file)
        for value in event.summary.value
    ]
    assert ("Episode_Termination/fall", 128, 0.25) in found


def test_events_of_later_than_what_is_resumed_are_hidden(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto import event_pb2

    curves.LearningCurve(tmp_path, with_events=True, resumed=300).close()
    (file,) = (tmp_path / curves.EVENTS).iterdir()
    (begins,) = [event for event in events_of(file) if event.HasField("session_log")]
    assert begins.session_log.status == event_pb2.SessionLog.START
    assert begins.step == 301  # TensorBoard hides what is of this step or later


def test_a_full_disk_ends_the_events_alone(tmp_path, full_disk, caplog):
    pytest.importorskip("tensorboardX")
    curve = curves.LearningCurve(tmp_path, with_events=True)
    with full_disk():
        for step in range(500):
            curve.add({"steps": step, "Loss/kl": 0.1})
        curve.close()
    curve.close()  # does no harm
    assert caplog.messages == ["Writes no more events for TensorBoard: [Errno 27] File too large."]


def test_events_need_their_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(dm_deepmimic.CoreError) as error:
        curves.LearningCurve(tmp_path, with_events=True)
    assert str(error.value) == (
        "Logs for TensorBoard need tensorboardX. Install it with: "
        "pip install 'dm_deepmimic[tensorboard]'"
    )
