"""Tests that what the training examples share survives signals, full disks and bad files."""

import contextlib
import csv
import dataclasses
import os
import pathlib
import signal
import sys
import types
from collections.abc import Callable, Iterator

import dm_env
import numpy as np
import pytest

pytest.importorskip("acme")

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
sys.path.append(str(EXAMPLES))

import checkpoints  # noqa: E402
import training  # noqa: E402
import workers  # noqa: E402
from absl import app, flags  # noqa: E402
from absl.testing import flagsaver  # noqa: E402
from acme.utils import counting  # noqa: E402

from dm_deepmimic import policy  # noqa: E402
from dm_deepmimic.core import EndReason  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Config:
    horizon: int = 10
    warm_up_steps: int = 2


class Workers:
    """Two worlds in which nothing happens."""

    def collect(self, num_steps: int) -> workers.Experience:
        return workers.Experience((), [], 2 * num_steps, 0.0)


def still() -> policy.Policy:
    """Returns a policy that does nothing."""
    ones = np.ones(3, np.float32)
    return policy.Policy(3, 0, ones, ones, ((ones[:, None], ones[:1]),), ones[:1], ones[:1])


class Learner:
    """Counts its steps in weights that take 400 kB."""

    def __init__(self) -> None:
        self.weights = np.zeros(100_000, np.float32)
        self.metrics = {"loss": 0.5}
        self.on_step: Callable[[int], object] = lambda step: None

    def warm_up(self) -> None:
        pass

    def step(self) -> None:
        self.weights += 1.0
        self.on_step(int(self.weights[0]))

    def save(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self.weights = state["weights"]


class Run:
    """Trains with these, as the flags say."""

    def __init__(self, output: pathlib.Path) -> None:
        self.output, self.learner = output, Learner()
        self.opened: list[tuple[int, str]] = []  # seed and rate
        self.evaluated: list[checkpoints.Checkpoint] = []
        self.example = training.Example(
            Config, self._open_agent, self.evaluated.append, (training.RETURN,)
        )

    @contextlib.contextmanager
    def _open_agent(self, config: Config, seed: int, rate: str) -> Iterator[training.Agent]:
        self.opened.append((seed, rate))
        yield training.Agent(Workers(), self.learner, config, still)

    def __call__(self, *arguments: str) -> None:
        output = f"--output={self.output}"
        flags.FLAGS(["training", "--env=walk", "--minutes=10", output, *arguments])
        training.run(self.example)

    @property
    def saved_updates(self) -> int:
        """Updates of the saved checkpoint, which agrees with its curve and its policy."""
        checkpoint = checkpoints.read(self.output / checkpoints.FILE, Config)
        learner = Learner()
        checkpoint.restore(learner)
        updates = int(checkpoint.counts["updates"])
        assert learner.weights[0] == updates
        assert int(self.curve[updates - 1]["steps"]) == checkpoint.counts["steps"]
        policy.read_policy(self.output / policy.FILE)
        return updates

    @property
    def curve(self) -> list[dict[str, str]]:
        with (self.output / "learning_curve.csv").open() as file:
            return list(csv.DictReader(file))


@pytest.fixture(name="run")
def run_fixture(tmp_path, monkeypatch) -> Iterator[Run]:
    with flagsaver.flagsaver():
        yield Run(tmp_path / "run")


@pytest.fixture(name="saves_always")
def saves_always_fixture(monkeypatch) -> None:
    monkeypatch.setattr(training, "_SAVE_PERIOD", 0.0)


class TestEpisodes:
    """Measures of episodes of two worlds, in which rewards are 1, and their means."""

    def test_they_have_the_names_of_the_field(self):
        worlds = types.SimpleNamespace(episode_infos={})
        meter, counter = workers.EpisodeMeter(worlds), counting.Counter()
        tracker = training.EpisodeTracker(counter)

        def observe(kinds: tuple[dm_env.StepType, dm_env.StepType], **infos: object) -> None:
            worlds.episode_infos = infos
            meter.observe(dm_env.TimeStep(np.array(kinds), np.ones(2), np.ones(2), None))

        first, mid, last = dm_env.StepType
        assert np.isnan(tracker.means()[training.LENGTH])
        observe((first, first))
        observe((mid, mid))
        tracker.add(workers.Experience((), *meter.take(), 0.0))
        observe((last, mid), end_reason=np.array([EndReason.FALL, EndReason.NONE]),
                term_returns={"pose": np.array([1.5, 9.0])})  # fmt: skip
        observe((first, last), end_reason=np.array([EndReason.NONE, EndReason.TIME_LIMIT]),
                term_returns={"pose": np.array([0.0, 2.5])})  # fmt: skip
        tracker.add(workers.Experience((), *meter.take(), 0.0))
        means = tracker.means()
        assert means[training.RETURN] == means[training.LENGTH] == 2.5
        assert means["Episode_Reward/pose"] == 2.0
        shares = {name: mean for name, mean in means.items() if "Termination" in name and mean > 0}
        assert shares == {"Episode_Termination/fall": 0.5, "Episode_Termination/time_limit": 0.5}
        assert counter.get_counts() == {"steps": 5, "episodes": 2}


class TestStages:
    """A coarse physics first, then that of the evaluation."""

    def test_rates_follow_each_other_and_the_learner_goes_on(self, run):
        run("--steps=200", "--fine_share=0.4")
        assert [rate for _, rate in run.opened] == ["300", "1200"]
        assert run.opened[0][0] == 0 and run.opened[1][0] >= 120  # seeds: they meet new worlds
        assert run.saved_updates == len(run.curve) == 10

    @pytest.mark.parametrize(("share", "rates"), [("0", ["300"]), ("1", ["1200"])])
    def test_there_may_be_but_one(self, run, share, rates):
        run("--steps=60", f"--fine_share={share}")
        assert [rate for _, rate in run.opened] == rates

    def test_the_fine_one_alone_is_one(self, run):
        run("--steps=60", "--physics_rate=1200")
        assert [rate for _, rate in run.opened] == ["1200"]

    def test_what_is_resumed_goes_on_where_it_was(self, run):
        run("--steps=60", "--fine_share=0")
        run.opened.clear()
        run("--resume", "--steps=70", "--fine_share=0.5")
        assert [rate for _, rate in run.opened] == ["1200"]


SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


class TestSignals:
    @SIGNALS
    def test_they_save_after_the_update(self, run, number):
        run.learner.on_step = lambda step: step == 3 and os.kill(os.getpid(), number)
        run("--steps=1000000")
        assert run.saved_updates == len(run.curve) == 3
        assert not run.evaluated

    @SIGNALS
    def test_handlers_are_of_training_alone(self, run, number):
        def stop(*_: object) -> None:
            raise AssertionError

        def fail(step: int) -> None:
            assert signal.getsignal(number) is not stop
            raise RuntimeError("in the update")

        before = signal.signal(number, stop)
        try:
            run("--steps=30")
            assert signal.getsignal(number) is stop
            run.learner.on_step = fail
            with pytest.raises(RuntimeError, match="in the update"):
                run("--resume", "--steps=60")
            assert signal.getsignal(number) is stop
        finally:
            signal.signal(number, before)


class TestFullDisk:
    def test_the_first_update_is_saved(self, run):
        seen = []
        run.learner.on_step = lambda step: step == 2 and seen.append(run.saved_updates)
        run("--steps=60")
        assert seen == [1]

    def test_training_goes_on_and_tries_again(self, run, full_disk, saves_always, caplog):
        with contextlib.ExitStack() as stack:

            def fill(step: int) -> None:
                if step == 3:
                    stack.enter_context(full_disk(30_000))
                if step == 5:
                    assert run.saved_updates == 2
                    stack.close()

            run.learner.on_step = fill
            run("--steps=120")
        assert run.saved_updates == len(run.curve) == 6
        assert caplog.messages == 2 * [
            f"Could not save in {run.output}: [Errno 27] File too large. What was saved before "
            "stays for --resume; the next try is in 0 s."
        ]
        assert len(run.evaluated) == 1
        assert not list(run.output.glob("*.partial"))

    def test_a_log_without_room_does_not_end_it(self, run, monkeypatch):
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(training.tqdm.tqdm, "update", fail)
        run("--steps=60")
        assert run.saved_updates == len(run.curve) == 3

    def test_after_the_last_save_it_says_so_and_can_be_resumed(self, run, full_disk, saves_always):
        with contextlib.ExitStack() as stack:
            run.learner.on_step = lambda step: step == 3 and stack.enter_context(full_disk(30_000))
            with pytest.raises(SystemExit) as error:
                run("--steps=60")
        assert error.value.code == (
            f"Could not save in {run.output}: [Errno 27] File too large. What was saved before "
            "stays for --resume."
        )
        assert run.saved_updates == 2
        run.learner.on_step = lambda step: None
        run("--resume", "--steps=60")
        assert run.saved_updates == len(run.curve) == 3
        assert len(run.evaluated) == 1


class TestResuming:
    def test_a_stump_of_the_curve_does_not_stop_it(self, run):
        run("--steps=60")
        with (run.output / "learning_curve.csv").open("a") as file:
            file.write("24.5,3")
        run("--resume", "--steps=80")
        assert run.saved_updates == len(run.curve) == 4

    def test_a_run_is_not_overwritten(self, run):
        run("--steps=20")
        with pytest.raises(app.UsageError) as error:
            run("--steps=20")
        assert str(error.value) == (
            f"{run.output / 'checkpoint.npz'} exists: add --resume or choose another --output."
        )

    def test_another_environment_is_refused(self, run):
        run("--steps=20")
        with pytest.raises(app.UsageError, match=r"is of --env=walk, not --env=run\.$"):
            run("--resume", "--env=run")

    def test_nothing_to_resume_is_named(self, run):
        with pytest.raises(app.UsageError, match=r"^No checkpoint 'checkpoint.npz'. Looked for:"):
            run("--resume")


def test_a_folder_of_the_name_of_the_preset_is_no_arg_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "walk").mkdir()
    (tmp_path / "args.txt").touch()
    run("--steps=20", "--data_root=data")
    worlds = training.worlds("300")
    assert (worlds.env, worlds.data_root) == ("walk", str(tmp_path / "data"))
    flags.FLAGS(["training", "--env=args.txt"])
    assert training.worlds("300").env == str(tmp_path / "args.txt")


class TestPickles:
    def test_one_to_evaluate_is_refused(self, run, tmp_path):
        with pytest.raises(app.UsageError, match=r"got a pickle, which could run any code and is"):
            run(f"--evaluate={tmp_path / 'evil.pkl'}")
        assert not run.evaluated

    @pytest.mark.parametrize("arguments", [(), ("--resume",)])
    def test_a_folder_that_has_one_is_refused(self, run, arguments):
        run.output.mkdir()
        (run.output / "checkpoint.pkl").write_bytes(b"")
        with pytest.raises(app.UsageError, match=r"train anew with another --output"):
            run("--steps=20", *arguments)
