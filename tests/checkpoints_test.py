"""Tests of the training examples' checkpoints."""

import dataclasses
import json
import pathlib
import pickle
import sys
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("jax")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import checkpoints  # noqa: E402

from dm_deepmimic import errors  # noqa: E402

COUNTS = {"steps": 300, "seconds": 1.5}


@dataclasses.dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (8, 4)
    rate: float = 0.5


@dataclasses.dataclass(frozen=True)
class Config:
    inner: Inner = dataclasses.field(default_factory=Inner)
    horizon: int = 32


CONFIG = Config(Inner((3,), 1.0), 7)


class State(NamedTuple):
    params: dict
    count: np.ndarray


class Learner:
    """Has a state, and says which."""

    def __init__(self, number: float, size: int = 3, dtype: type = np.float32) -> None:
        weights = np.full((2, size), number, dtype)
        self.state = State({"mlp/~/linear": {"w": weights}}, np.array(int(number)))

    def save(self) -> State:
        return self.state

    def restore(self, state: State) -> None:
        self.state = state


@pytest.fixture(name="path")
def path_fixture(tmp_path) -> pathlib.Path:
    path = tmp_path / checkpoints.FILE
    checkpoints.write(path, "walk", CONFIG, COUNTS, Learner(5.0))
    return path


def fail(path: pathlib.Path, read) -> str:
    with pytest.raises(errors.AssetFormatError) as error:
        read()
    return str(error.value).replace(str(path), "checkpoint.npz")


def test_a_checkpoint_survives_its_file(path):
    checkpoint = checkpoints.read(path, Config)
    assert checkpoint[:3] == ("walk", CONFIG, COUNTS)
    assert isinstance(checkpoint.config.inner.sizes, tuple)
    learner = Learner(0.0)
    checkpoint.restore(learner)
    assert isinstance(learner.state, State)
    np.testing.assert_array_equal(learner.state.params["mlp/~/linear"]["w"], np.full((2, 3), 5.0))
    assert learner.state.count == 5
    learner.state.params["mlp/~/linear"]["w"][:] = 1.0  # a copy of its own


class Other(Learner):
    """Has one array more."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.state.params["bias"] = np.zeros(1)


@pytest.mark.parametrize(
    ("learner", "sentence"),
    [
        (
            Learner(0.0, size=4),
            "Expected shape (2, 4) at learner.params['mlp/~/linear']['w'] in checkpoint.npz, got "
            "shape (2, 3).",
        ),
        (
            Learner(0.0, dtype=np.float64),
            "Expected the type float64 at learner.params['mlp/~/linear']['w'] in checkpoint.npz, "
            "got float32.",
        ),
        (
            Other(),
            "Expected shape (1,) at learner.params['bias'] in checkpoint.npz, got nothing.",
        ),
    ],
)
def test_another_learner_is_refused(path, learner, sentence):
    checkpoint = checkpoints.read(path, Config)
    before = learner.state
    assert fail(path, lambda: checkpoint.restore(learner)) == sentence
    assert learner.state is before


def test_an_array_too_many_is_refused(tmp_path):
    path = tmp_path / checkpoints.FILE
    checkpoints.write(path, "walk", CONFIG, COUNTS, Other())
    checkpoint = checkpoints.read(path, Config)
    assert fail(path, lambda: checkpoint.restore(Learner(0.0))) == (
        "Expected arrays of this learner alone at learner.params['bias'] in checkpoint.npz, got "
        "another."
    )


HEADER = {"env": "walk", "config": dataclasses.asdict(CONFIG), "counts": COUNTS}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("{", "Expected JSON at header in checkpoint.npz, got "),
        ("[" * 100_000, "Expected JSON at header in checkpoint.npz, got "),
        ("[]", "Expected env, config and counts at header in checkpoint.npz, got []."),
        ({"more": 1}, "Expected env, config and counts at header in checkpoint.npz, got {'env'"),
        ({"env": None}, "Expected a string at env in checkpoint.npz, got None."),
        ({"counts": []}, "Expected numbers from 0 on, of steps and others, at counts in checkpoin"),
        ({"counts": {}}, "Expected numbers from 0 on, of steps and others, at counts in checkpoin"),
        ({"counts": {"steps": -1}}, "Expected numbers from 0 on, of steps and others, at counts"),
        ({"counts": {"steps": 1e300 * 10}}, "Expected numbers from 0 on, of steps and others, at"),
        ({"config": 3}, "Expected the settings of Config at config in checkpoint.npz, got 3."),
        (
            {"config": {"inner": dataclasses.asdict(Inner()), "speed": 1, "more": 2}},
            "Expected the settings of Config at config in checkpoint.npz, got lacking: horizon; "
            "unknown: more, speed.",
        ),
        (
            {"config": {"inner": {"sizes": [3]}, "horizon": 1}},
            "Expected the settings of Inner at config.inner in checkpoint.npz, got lacking: rate.",
        ),
        (
            {"config": {"inner": {"sizes": [3], "rate": 1}, "horizon": 1.5}},
            "Expected a whole number at config.horizon in checkpoint.npz, got 1.5.",
        ),
        (
            {"config": {"inner": {"sizes": [3], "rate": "1"}, "horizon": 1}},
            "Expected a finite number at config.inner.rate in checkpoint.npz, got 1.",
        ),
        (
            {"config": {"inner": {"sizes": [3, 0], "rate": 1}, "horizon": 1}},
            "Expected whole numbers above 0 at config.inner.sizes in checkpoint.npz, got [3, 0].",
        ),
        (
            {"config": {"inner": {"sizes": 3, "rate": 1}, "horizon": 1}},
            "Expected whole numbers above 0 at config.inner.sizes in checkpoint.npz, got 3.",
        ),
    ],
)
def test_a_header_of_something_else_is_refused(path, change, sentence):
    header = change if isinstance(change, str) else json.dumps(HEADER | change)
    np.savez(path, header=np.array(header))
    assert fail(path, lambda: checkpoints.read(path, Config)).startswith(sentence)


def test_a_file_without_a_header_is_refused(path):
    np.savez(path, weights=np.zeros(3))
    assert fail(path, lambda: checkpoints.read(path, Config)) == (
        "Expected shape () at header in checkpoint.npz, got nothing."
    )


def test_a_full_disk_leaves_the_old_checkpoint(path, full_disk):
    with full_disk(), pytest.raises(OSError):
        checkpoints.write(path, "walk", CONFIG, {"steps": 600}, Learner(6.0))
    assert checkpoints.read(path, Config).counts == COUNTS
    assert list(path.parent.iterdir()) == [path]


class Evil:
    """Writes a file where its pickle is read."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["evil.pkl", "evil.npz"])
def test_pickles_run_no_code(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Evil(tmp_path / "proof")))
    sentence = fail(path, lambda: checkpoints.read(path, Config))
    assert not (tmp_path / "proof").exists()
    if path.suffix == ".pkl":
        assert sentence == (
            "Expected arrays as in checkpoint.npz at its content in checkpoint.npz, got a pickle, "
            "which could run any code and is not read: train anew with another --output (the "
            "policy.npz beside it can still be seen with dm-deepmimic-view "
            f"--policy={tmp_path})."
        )
