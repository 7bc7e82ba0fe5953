"""Tests of the example with Acme's own agents, and of its stand-ins; `.ci/run acme-agents` runs
them, where the versions that these agents need are installed.
"""

import csv
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("reverb", reason="Acme's own agents need the extra acme-agents")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import acme_shims  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import reverb  # noqa: E402

acme_shims.install()

import acme  # noqa: E402
import acme_builders  # noqa: E402
from acme import wrappers  # noqa: E402

import dm_deepmimic  # noqa: E402

WALK = "humanoid3d_walk"
# PPO's first update waits for three batches: Reverb holds two back.
STEPS = {"sac": 2100, "td3": 2100, "d4pg": 2100, "ppo": 3500}
agents = pytest.mark.parametrize("name", acme_builders.AGENTS)


@pytest.fixture(name="home")
def home_fixture(tmp_path) -> pathlib.Path:
    """An empty home: Acme's agents write there if they are let."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def command(output: pathlib.Path, *arguments: str) -> list[str]:
    script = str(EXAMPLES / "acme_agents.py")
    return [sys.executable, script, "--episodes=2", f"--output={output}", *arguments]


def environment(home: pathlib.Path) -> dict[str, str]:
    paths = filter(None, [os.environ.get("PYTHONPATH"), str(EXAMPLES.parent)])
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "HOME": str(home)}


def curve(output: pathlib.Path) -> list[dict[str, float]]:
    with (output / "learning_curve.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


class TestExample:
    @agents
    def test_it_learns_evaluates_and_leaves_a_curve(self, name, tmp_path, home):
        run = command(tmp_path / "out", f"--agent={name}", f"--steps={STEPS[name]}")
        finished = subprocess.run(
            run, env=environment(home), capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        assert "Evaluation Episode Length" in finished.stdout
        untrained, *_, trained = curve(tmp_path / "out")
        assert untrained["steps"] == untrained["learner_steps"] == 0
        assert trained["steps"] >= STEPS[name] and trained["learner_steps"] >= 1
        assert trained["training_episode_length"] >= 1.0
        for row in (untrained, trained):
            assert 1.0 <= row["evaluation_episode_length"] <= 601.0
            assert 0.0 <= row["evaluation_episode_return"] <= row["evaluation_episode_length"]
        picture = (tmp_path / "out" / "learning_curve.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert not (home / "acme").exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_ends_it_well(self, number, tmp_path, home):
        run = command(tmp_path / "out", "--minutes=10")
        with subprocess.Popen(run, env=environment(home), stderr=subprocess.PIPE) as process:
            seen = b""
            while b"training_episode_length" not in seen:
                character = process.stderr.read(1)  # of the progress bar
                assert character, seen.decode()
                seen += character
            process.send_signal(number)
            seen += process.stderr.read()
        assert process.returncode == 0, seen.decode()
        assert curve(tmp_path / "out")

    def test_it_films_evaluations(self, tmp_path, home, draws):
        imageio = pytest.importorskip("imageio.v2", reason="imageio writes videos")
        run = command(tmp_path, "--agent=ppo", "--steps=1", f"--video={tmp_path / 'films'}")
        finished = subprocess.run(
            run, env=environment(home), capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        films = sorted(path.name for path in (tmp_path / "films").iterdir())
        assert films == ["episode_000000.mp4", "episode_000002.mp4"]
        first = imageio.get_reader(tmp_path / "films" / films[0])
        frames = [np.asarray(frame) for frame in first]
        assert len(frames) > 2 and frames[0].shape == (240, 320, 3)


class TestAgents:
    @agents
    def test_what_is_evaluated_is_without_noise(self, name):
        with dm_deepmimic.load(WALK, core="embedded", seed=0, dtype=np.float32) as world:
            environment = wrappers.CanonicalSpecWrapper(world, clip=True)
            parts = acme_builders.AGENTS[name](acme.make_environment_spec(environment))
            observation = environment.reset().observation[np.newaxis]
        network = parts.networks.network if name == "ppo" else parts.networks.policy_network
        params = network.init(jax.random.PRNGKey(0))

        def actions(policy):
            drawn = [policy(params, jax.random.PRNGKey(seed), observation) for seed in (1, 2)]
            return [action[0] if name == "ppo" else action for action in drawn]

        first, second = actions(parts.policy)
        np.testing.assert_array_equal(first, second)
        first, second = actions(parts.behaviour)
        assert np.all(first != second)


class TestStandIns:
    def test_without_them_acmes_wrappers_cannot_be_imported(self):
        code = "import acme.wrappers"
        finished = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert "has no attribute 'xla'" in finished.stderr

    def test_arrays_are_known_by_their_old_names(self):
        assert isinstance(jnp.zeros(1), jax.xla.DeviceArray)
        assert isinstance(jnp.zeros(1), jnp.DeviceArray)
        assert not isinstance(np.zeros(1), jnp.DeviceArray)
        assert isinstance(jax.devices()[0], jax.xla.Device)

    def test_several_trees_are_mapped(self):
        mapped = jax.tree_multimap(lambda x, y: x + 10 * y, {"a": (1, 2)}, {"a": (3, 4)})
        assert mapped == {"a": (31, 42)}

    def test_a_writer_takes_its_old_timeout_and_others(self):
        server = reverb.Server([reverb.Table.queue("table", 10)], port=None)
        client = reverb.Client(f"localhost:{server.port}")
        for options in ({}, {"get_signature_timeout_ms": 5}, {"validate_items": False}):
            with client.trajectory_writer(num_keep_alive_refs=1, **options) as writer:
                writer.append({"x": np.float32(1.0)})
                writer.create_item("table", 1.0, {"x": writer.history["x"][-1:]})
                writer.flush()
        assert client.server_info()["table"].current_size == 3
        server.stop()

    def test_twice_is_as_good_as_once(self):
        before = reverb.Client.trajectory_writer
        acme_shims.install()
        assert reverb.Client.trajectory_writer is before
