"""Tests of policies as ONNX graphs."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from policy_test import network

from dm_deepmimic import errors, export, policy

onnx = pytest.importorskip("onnx", reason="ONNX graphs need the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime runs ONNX graphs")

GENERATOR = np.random.default_rng(0)
WALKER = policy.Policy(
    state_size=5,
    goal_size=2,
    input_mean=GENERATOR.normal(size=7).astype(np.float32),
    input_std=GENERATOR.uniform(0.5, 2.0, 7).astype(np.float32),
    layers=network(GENERATOR, (7, 64, 32, 3)),
    action_mean=GENERATOR.normal(size=3).astype(np.float32),
    action_std=GENERATOR.uniform(0.5, 2.0, 3).astype(np.float32),
    layout="2018",
    input_bound=2.0,
    action_min=np.array([-20.0, -10.0, -5.0], np.float32),
    action_max=np.array([5.0, 10.0, 20.0], np.float32),
    value_layers=network(GENERATOR, (7, 16, 1)),
)
VARIANTS = {
    "whole": {},
    "without an input's bound": {"input_bound": np.inf},
    "without a smallest action": {"action_min": None},
    "without a greatest action": {"action_max": None},
    "without bounds": {"input_bound": np.inf, "action_min": None, "action_max": None},
    "with infinite bounds of actions": {
        "action_min": np.full(3, -np.inf, np.float32),
        "action_max": np.full(3, np.inf, np.float32),
    },
    "without a value": {"value_layers": ()},
    "without a goal": {"state_size": 7, "goal_size": 0},
    "of one layer": {
        "layers": network(GENERATOR, (7, 3)), "value_layers": network(GENERATOR, (7, 1)),
    },
}  # fmt: skip
CHECKPOINT = "data/policies/humanoid3d/humanoid3d_walk.ckpt"


def open_graph(path: pathlib.Path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def states_of(source: policy.Policy, count: int) -> np.ndarray:
    """Returns states of which some normalised numbers are beyond the bound."""
    normal = np.random.default_rng(1).normal(size=(count, len(source.input_mean)))
    return (source.input_mean + 2.0 * source.input_std * normal).astype(np.float32)


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Measured: 5e-6 of the largest number or of 1, for 200 networks of up to 3 layers of 1100."""
    assert ours.dtype == np.float32 and ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-5 * max(1.0, np.abs(theirs).max()))


@pytest.mark.parametrize("count", [1, 100])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_graph_computes_what_the_policy_does(variant, count, tmp_path):
    source = dataclasses.replace(WALKER, **VARIANTS[variant])
    export.write_onnx(source, tmp_path / "policy.onnx")
    states = states_of(source, count)
    action, *values = open_graph(tmp_path / "policy.onnx").run(None, {"observation": states})
    assert_close(action, source(states))
    assert len(values) == bool(source.value_layers)
    for value in values:
        assert_close(value, source.value(states))


def test_a_policys_states_reach_every_bound():
    """So that a graph which forgets one is noticed."""
    states, actions = states_of(WALKER, 100), WALKER(states_of(WALKER, 100))
    assert np.all(np.any(actions == WALKER.action_min, axis=0))
    assert np.all(np.any(actions == WALKER.action_max, axis=0))
    assert np.any(dataclasses.replace(WALKER, input_bound=np.inf)(states) != actions)


def test_no_number_comes_of_nan(tmp_path):
    export.write_onnx(WALKER, tmp_path / "policy.onnx")
    states = np.full((1, 7), np.nan, np.float32)
    for output in open_graph(tmp_path / "policy.onnx").run(None, {"observation": states}):
        assert np.all(np.isnan(output))


def test_a_graph_tells_its_names_sizes_and_layout(tmp_path):
    export.write_onnx(WALKER, tmp_path / "policy.onnx")
    graph = open_graph(tmp_path / "policy.onnx")
    arrays = [(each.name, each.shape) for each in (*graph.get_inputs(), *graph.get_outputs())]
    assert arrays == [("observation", ["N", 7]), ("action", ["N", 3]), ("value", ["N"])]
    assert graph.get_modelmeta().custom_metadata_map == {
        "layout": "2018", "state_size": "5", "goal_size": "2",
    }  # fmt: skip
    export.write_onnx(dataclasses.replace(WALKER, layout=None), tmp_path / "policy.onnx")
    graph = open_graph(tmp_path / "policy.onnx")
    assert graph.get_modelmeta().custom_metadata_map["layout"] == ""


def test_a_graph_is_of_the_opset_that_is_promised(tmp_path):
    export.write_onnx(WALKER, tmp_path / "policy.onnx")
    model = onnx.load(tmp_path / "policy.onnx")
    opsets = [(opset.domain, opset.version) for opset in model.opset_import]
    assert (opsets, model.ir_version) == ([("", 13)], 7)


def test_a_full_disk_leaves_the_old_file(tmp_path, full_disk):
    path = tmp_path / "policy.onnx"
    path.write_text("old")
    with full_disk(), pytest.raises(OSError):
        export.write_onnx(WALKER, path)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


class TestProgram:
    def test_it_takes_a_file_and_a_folder(self, tmp_path):
        policy.write_policy(WALKER, tmp_path / policy.FILE)
        for source in (tmp_path, tmp_path / policy.FILE):
            export.main([str(source), str(tmp_path / "policy.onnx")])
            states = states_of(WALKER, 10)
            graph = open_graph(tmp_path / "policy.onnx")
            (action,) = graph.run(["action"], {"observation": states})
            assert_close(action, WALKER(states))
            (tmp_path / "policy.onnx").unlink()

    def test_it_takes_a_checkpoint_of_2018(self, tmp_path):
        pytest.importorskip("pybullet_data", reason="the checkpoints come with the extra clips")
        export.main([CHECKPOINT, str(tmp_path / "walk.onnx")])
        walk = export.read_network(CHECKPOINT)
        states = states_of(walk, 100)
        graph = open_graph(tmp_path / "walk.onnx")
        (action,) = graph.run(None, {"observation": states})
        assert action.shape == (100, 36)
        assert_close(action, walk(states))
        assert graph.get_modelmeta().custom_metadata_map["layout"] == "2018"

    @pytest.mark.parametrize("name", ["zero", "random", "reference", "my_policies:stand"])
    def test_what_is_no_network_is_refused(self, name, tmp_path, monkeypatch):
        (tmp_path / "my_policies.py").write_text("def stand(observation):\n    return 3\n")
        monkeypatch.syspath_prepend(tmp_path)
        assert fail([name, str(tmp_path / "policy.onnx")]) == (
            "export: Expected a network, such as a policy.npz, its folder or a checkpoint, got "
            f"{name}."
        )
        assert not (tmp_path / "policy.onnx").exists()

    def test_an_unknown_name_is_refused(self):
        assert fail(["walk", "policy.onnx"]) == (
            "export: Unknown policy name 'walk'. Known policy names: a checkpoint, a folder with "
            "policy.npz, module:function, random, reference, zero, zoo:NAME."
        )

    def test_a_missing_file_is_named(self, tmp_path):
        path = tmp_path / "walk.npz"
        assert fail([str(path), "policy.onnx"]) == (
            f"export: No policy 'walk.npz'. Looked for:\n  {path}"
        )

    def test_a_policy_is_not_written_over(self, tmp_path):
        path = tmp_path / policy.FILE
        policy.write_policy(WALKER, path)
        content = path.read_bytes()
        assert fail([str(path), str(path)]) == (
            f"export: Expected a file whose name ends in .onnx, got {path}."
        )
        assert path.read_bytes() == content

    def test_a_missing_folder_is_named(self, tmp_path):
        policy.write_policy(WALKER, tmp_path / policy.FILE)
        path = tmp_path / "nowhere" / "policy.onnx"
        assert fail([str(tmp_path), str(path)]) == (
            f"export: [Errno 2] No such file or directory: '{path}.partial'"
        )

    def test_it_needs_nothing_of_the_viewers(self, tmp_path):
        policy.write_policy(WALKER, tmp_path / policy.FILE)
        without = "import sys; sys.modules |= dict.fromkeys(['mujoco', 'OpenGL']); "
        code = without + "from dm_deepmimic import export; export.main(['.', 'policy.onnx'])"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
        assert (tmp_path / "policy.onnx").is_file()

    def test_a_missing_package_is_named(self, tmp_path, monkeypatch):
        policy.write_policy(WALKER, tmp_path / policy.FILE)
        monkeypatch.setitem(sys.modules, "onnx", None)
        assert fail([str(tmp_path), str(tmp_path / "policy.onnx")]) == (
            "export: ONNX graphs need onnx. Install it with: pip install 'dm_deepmimic[onnx]'"
        )
        with pytest.raises(errors.CoreError):
            export.write_onnx(WALKER, tmp_path / "policy.onnx")


def fail(arguments: list[str]) -> str:
    """Returns with what the program ends."""
    with pytest.raises(SystemExit) as error:
        export.main(arguments)
    return str(error.value)
