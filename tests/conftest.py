"""What the tests share: recorded numbers of DeepMimicCore, characters, random states."""

import contextlib
import gzip
import json
import os
import pathlib
import resource

import hypothesis
import numpy as np
import packages
import pytest

from dm_deepmimic import character, errors, scene_files
from dm_deepmimic.foreign import chance, deepmimic
from dm_deepmimic.rendering import offscreen

COMMITTED = pathlib.Path(__file__).parent / "golden"
RECORDED = pathlib.Path(
    os.environ.get("DEEPMIMIC_GOLDEN") or COMMITTED.parents[2] / "shared" / "golden"
)

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def golden_file():
    """Returns a function that finds a recorded file, among the committed ones first."""

    def find(name: str) -> pathlib.Path:
        for folder in (COMMITTED, RECORDED):
            if (folder / name).is_file():
                return folder / name
        pytest.skip(f"{name} is not in {RECORDED}: set DEEPMIMIC_GOLDEN to the recorded numbers")

    return find


@pytest.fixture(scope="session")
def read_golden(golden_file):
    """Returns a function that reads a recorded `.json.gz` file."""

    def read(name: str) -> dict:
        with gzip.open(golden_file(name), "rt") as file:
            return json.load(file)

    return read


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """Leaves no files to find but what a test puts there, and the package's own."""
    monkeypatch.delenv("DEEPMIMIC_DATA", raising=False)
    monkeypatch.setattr(scene_files, "package_folders", lambda package: [])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def full_disk():
    """Returns what lets no file grow beyond some bytes while it is entered."""

    @contextlib.contextmanager
    def filled(free: int = 1000):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return filled


@pytest.fixture(autouse=True, scope="session")
def embedded_by_default():
    """Makes the default core the embedded one, whose numbers tests expect, on machines with the
    package `deepmimic` too; `deepmimic_test` tests the choice.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deepmimic, "works", lambda: False)
        yield


@pytest.fixture
def stand_in(monkeypatch):
    """Puts a package `deepmimic` on the path that ends the process where DeepMimicCore does."""
    if packages.is_real():
        pytest.skip("the real package is installed")
    monkeypatch.syspath_prepend(str(packages.STAND_IN))
    packages.forget()
    yield
    packages.forget()


@pytest.fixture(autouse=True)
def no_other_cores():
    """Forgets cores that earlier tests left open."""
    chance._seeded.clear()


@pytest.fixture(scope="session")
def draws() -> None:
    """Skips tests of pictures on a machine that cannot draw any."""
    try:
        offscreen.Renderer(16, 16).close()
    except errors.CoreError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def humanoid() -> character.Character:
    """Returns the built-in humanoid3d."""
    return character.load_character(
        scene_files.find("data/characters/humanoid3d.txt", "character file")
    )


@pytest.fixture(scope="session")
def humanoid_controller(humanoid) -> character.Controller:
    """Returns its controller of the imitation scenes."""
    name = "data/controllers/humanoid3d_phase_rot_ctrl.txt"
    return character.load_controller(scene_files.find(name, "controller file"), humanoid)


@pytest.fixture
def crane_json() -> dict:
    """Returns the file of a character with all shapes, all joints, and turned attachments."""
    joints = [
        {"Name": "base", "Type": "none", "Parent": -1},
        {
            "Name": "mast", "Type": "spherical", "Parent": 0, "AttachY": 0.2, "AttachThetaX": 0.3,
            "AttachThetaZ": -0.4, "TorqueLim": 50, "DiffWeight": 0.5,
        },
        {
            "Name": "boom", "Type": "revolute", "Parent": 1, "AttachX": 0.1, "AttachY": 0.4,
            "AttachThetaY": 0.6, "LimLow0": -1, "LimHigh0": 0.5, "TorqueLim": 20,
            "DiffWeight": 0.25,
        },
        {"Name": "weight", "Type": "revolute", "Parent": 0, "AttachX": -0.3, "TorqueLim": 10},
        {"Name": "hook", "Type": "fixed", "Parent": 2, "AttachX": 0.5, "AttachThetaX": -0.2,
         "IsEndEffector": 1},
    ]  # fmt: skip
    bodies = [
        {"Shape": "box", "Mass": 3, "Param0": 0.4, "Param1": 0.1, "Param2": 0.3, "ColGroup": 1,
         "EnableFallContact": 1},
        {"Shape": "cylinder", "Mass": 2, "Param0": 0.1, "Param1": 0.4, "AttachY": 0.2,
         "AttachThetaX": 0.1, "ColGroup": 1},
        {"Shape": "capsule", "Mass": 1, "Param0": 0.06, "Param1": 0.4, "AttachX": 0.25,
         "AttachThetaZ": 1.5, "ColGroup": 2},
        {"Shape": "sphere", "Mass": 1.5, "Param0": 0.2, "AttachY": -0.1, "ColGroup": 2},
        {"Shape": "cylinder", "Mass": 0.5, "Param0": 0.08, "Param1": 0.1, "AttachZ": 0.05,
         "ColGroup": 0},
    ]  # fmt: skip
    return {"Skeleton": {"Joints": joints}, "BodyDefs": bodies}


@pytest.fixture
def write_json(tmp_path):
    """Returns a function that writes a value as JSON, or a text as it is, and returns the path."""

    def write(value: object, name: str = "crane.txt") -> pathlib.Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write


@pytest.fixture
def crane(crane_json, write_json) -> character.Character:
    """Returns the character of `crane_json`."""
    return character.load_character(write_json(crane_json))


@pytest.fixture
def crane_controller(crane, write_json) -> character.Controller:
    """Returns a controller for it."""
    gains = [{"Kp": 100 + 50 * joint, "Kd": 10 + joint} for joint in range(crane.num_joints)]
    return character.load_controller(write_json({"PDControllers": gains}, "gains.txt"), crane)


@pytest.fixture(scope="session")
def random_state():
    """Returns a function that draws a pose and a velocity of a character, layout of DeepMimic."""

    def draw(person: character.Character, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        pose = generator.uniform(-1.0, 1.0, person.pose_size)
        velocity = generator.uniform(-3.0, 3.0, person.pose_size)
        for start in person.quaternion_offsets():
            pose[start : start + 4] = unit_quaternion(generator)
            velocity[start + 3 if start > 3 else 6] = 0.0
        return pose, velocity

    return draw


def unit_quaternion(generator: np.random.Generator) -> np.ndarray:
    """Returns a uniformly drawn rotation with w >= 0."""
    q = generator.normal(size=4)
    return np.copysign(1.0, q[0]) * q / np.linalg.norm(q)


@pytest.fixture
def clip_set(tmp_path):
    """Returns a function that writes a set of pip-installed clips, by name and weight."""

    def write(**weights: float) -> str:
        motions = [
            {
                "Weight": weight,
                "File": str(
                    scene_files.find(f"data/motions/humanoid3d_{name}.txt", scene_files.MOTION)
                ),
            }
            for name, weight in weights.items()
        ]
        path = tmp_path / "clips.txt"
        path.write_text(json.dumps({"Motions": motions}))
        return str(path)

    return write
