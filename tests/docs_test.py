"""Tests that the README and the pages of `docs/` do what they say: all their Python, every command,
every link.
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

import documents
import numpy as np
import pytest

from dm_deepmimic import policy
from dm_deepmimic.embedded import scenes

ROOT = pathlib.Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
LANGUAGES = ("json", "python", "sh")
BY_READERS = ("python3 -m venv .venv", ". .venv/bin/activate", "sudo apt update", ".ci/run",
              ".ci/run acme-agents", ".ci/run cluster", ".ci/run torch")  # fmt: skip

# What makes a program short; of an option that comes twice the last counts.
SHORT_TRAINING = ("--steps=10", "--num_envs=2", "--num_threads=1", "--episodes=1")
SHORT_VIDEO = ("--video=short.gif", "--seconds=0.1", "--size=64x48")
SHORT_PAGE = ("--seconds=0.1",)
SHORT_EVALUATION = ("--episodes=2", "--seconds=0.5")
SHORT = {
    "examples/acme_agents.py": ("--steps=1", "--episodes=1"),
    "examples/acme_amp.py": SHORT_TRAINING,
    "examples/acme_ppo.py": SHORT_TRAINING,
    "examples/custom_character.py": (),
    "examples/distill.py": SHORT_TRAINING,
    "examples/minari_dataset.py": (),
    "examples/own_scene.py": (),
    "examples/pretrained_policy.py": ("--episodes=1", "--seconds=0.3"),
    "examples/quadruped.py": (),
    "benchmarks/agreement.py": (f"--rollouts={ROOT}/tests/golden/rollouts_first_steps.npz",),
    "benchmarks/scale.py": ("--repeats=1", "--steps=200"),
    "benchmarks/soak.py": ("--steps=1000",),
    "benchmarks/speed.py": ("--num_envs=1", "--repeats=1"),
}
SHORT_MODULES = {
    "dm_deepmimic.check": (),
    "dm_deepmimic.compile": ("humanoid3d_walk",),
    "dm_deepmimic.convert": (),
    "dm_deepmimic.export": (),
    "dm_deepmimic.list": (),
    "dm_deepmimic.replay": (),
}
KEPT = ("RAY_AUTH_MODE",)  # without which a command fails
VARIABLES = (*KEPT, "DEEPMIMIC_DATA", "DM_DEEPMIMIC_QUIET", "NUMBA_CACHE_DIR", "OMP_NUM_THREADS")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def commands_of(page: pathlib.Path) -> list[list[str]]:
    return [
        words
        for block in documents.blocks(page)
        if block.language == "sh"
        for words in documents.commands(block.text)
    ]


def ci_commands() -> list[str]:
    """Returns what CI runs, with programs and files called as a reader calls them."""
    script = re.sub(r"\$work/(\w+/bin/)?", "", (ROOT / ".ci" / "run").read_text())
    return [
        " ".join(word for word in words if word not in ("--quiet", ">/dev/null"))
        for words in documents.commands(script)
    ]


def is_left_to_ci(words: list[str]) -> bool:
    """Returns whether a command is of an installation, or is another that CI runs as it stands."""
    command = " ".join(words).replace("$PWD/", "")
    if command in (*BY_READERS, *CI_COMMANDS):
        return True
    if words[:3] == ["sudo", "apt", "install"]:
        in_ci = next(line for line in CI_COMMANDS if " apt-get install " in line)
        return set(words[3:]) <= set(in_ci.split())
    extras = re.fullmatch(r"pip install (?:-e )?\.(?:\[([a-z,-]+)\])?", command)
    if extras is None:
        return False
    wanted = set((extras[1] or "").split(",")) - {""}
    installed = re.findall(
        r"^pip install -e \.\[([a-z,-]+)\]", "\n".join(CI_COMMANDS), re.MULTILINE
    )
    return any(wanted <= set(names.split(",")) for names in installed)


def short(words: list[str]) -> list[str]:
    """Returns a command that does the same for a short time, nothing for one that CI runs.

    Raises:
        ValueError: Nobody knows how to run it.
    """
    original = " ".join(words)
    while words and re.fullmatch(rf"({'|'.join(VARIABLES)})=\S+", words[0]):
        if words[0].partition("=")[0] in KEPT:
            return ["env", words[0], *short(words[1:])]
        words = words[1:]
    words = words[1:] if words[:1] == ["xvfb-run"] else words
    match words:
        case ["dm-deepmimic-view", *options]:
            program = [sys.executable, "-m", "dm_deepmimic.viewer", *options]
            if "--help" in options:
                return program
            if any(option.startswith("--record=") for option in options):
                return [*program, "--seconds=0.1"]
            is_page = any(option.startswith("--html=") for option in options)
            return [*program, *(SHORT_PAGE if is_page else SHORT_VIDEO)]
        case ["python", script, *options] if script in SHORT:
            options = [option for option in options if not option.startswith("--minutes=")]
            return [sys.executable, str(ROOT / script), *options, *SHORT[script]]
        case ["python", "-m", "dm_deepmimic.evaluate", *_]:
            return [sys.executable, *words[1:], *SHORT_EVALUATION]
        case ["python", "-m", module, *options] if module in SHORT_MODULES:
            return [sys.executable, "-m", module, *(options or SHORT_MODULES[module])]
        case ["python", "-m", "dm_deepmimic.serve", *options]:
            return [sys.executable, str(ROOT / "tests" / "served.py"), *options]
        case ["ray", "get-auth-token" | "start" | "stop", *_]:
            return [sys.executable, "-m", "ray.scripts.scripts", *words[1:]]
        case ["python", "-c", code]:
            return [sys.executable, "-c", code]
        case ["export", assignment] if assignment.partition("=")[0] in VARIABLES:
            return []
    if words and is_left_to_ci(words):
        return []
    raise ValueError(f"Expected a command that docs_test.py knows how to run, got {original!r}.")


@pages
def test_all_blocks_are_of_a_language_that_is_run(page):
    for block in documents.blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"
        if block.language == "json":
            json.loads(block.text)


@pages
def test_all_commands_are_known(page):
    for words in commands_of(page):
        short(words)


@pytest.fixture
def run_python(monkeypatch):
    """Returns a function that runs a page's Python, whose scenes are forgotten afterwards, beside
    the page's server if it has one.
    """
    monkeypatch.setattr(scenes, "_registered", {})
    monkeypatch.syspath_prepend(ROOT / "examples")

    def run(page):
        with serving(page):
            documents.run_python(page)

    yield run
    sys.modules.pop("own_scene", None)


@contextlib.contextmanager
def serving(page):
    """Runs what a page's commands serve."""
    with contextlib.ExitStack() as running:
        for words in commands_of(page):
            if words[:3] == ["python", "-m", "dm_deepmimic.serve"]:
                program = [sys.executable, *words[1:]]
                server = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
                running.callback(server.wait)
                running.callback(server.terminate)
                assert server.stdout.readline().startswith("Serving ")
        yield


@pages
def test_python_runs(page, tmp_path, monkeypatch, request, run_python):
    need_what_it_takes(page, request)
    monkeypatch.chdir(tmp_path)
    run_python(page)


@pytest.mark.slow
@pages
def test_commands_run(page, tmp_path, monkeypatch, request, run_python):
    """They run one after the other, where the page's Python has run and `walk` has a policy."""
    need_what_it_takes(page, request)
    programs = list(filter(None, map(short, commands_of(page))))
    if programs:
        monkeypatch.chdir(tmp_path)
        run_python(page)
        write_policy(tmp_path / "walk")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    for program in programs:
        finished = subprocess.run(
            program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, (program, finished.stdout, finished.stderr)


@pages
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"({page.name})" in index, page


CI_COMMANDS = ci_commands()


class TestWhatIsUnknown:
    """Documents that no test could run fail here."""

    @pytest.mark.parametrize(
        "line",
        [
            "make install", "python examples/nowhere.py", "python -m dm_deepmimic.nowhere",
            "pip install '.[clip]'", "pip install tensorflow", "sudo apt install freeglut4-dev",
            "export SPEED=1", "SPEED=1 python benchmarks/speed.py", "python -m pytest --fast",
        ],
    )  # fmt: skip
    def test_a_command(self, line):
        (words,) = documents.commands(line)
        with pytest.raises(ValueError, match=r"Expected a command that docs_test\.py knows"):
            short(words)

    def test_a_block_without_an_end(self, tmp_path):
        (tmp_path / "page.md").write_text("Text\n```sh\nls\n")
        with pytest.raises(ValueError, match=r"Expected an end of the block in .*page.md:2"):
            list(documents.blocks(tmp_path / "page.md"))

    def test_python_that_raises_tells_its_line(self, tmp_path):
        (tmp_path / "page.md").write_text(
            "Text\n\n```python\na = 1\n```\n\n```python\n1 / 0\n```\n"
        )
        with pytest.raises(ZeroDivisionError) as error:
            documents.run_python(tmp_path / "page.md")
        assert (error.traceback[-1].path.name, error.traceback[-1].lineno + 1) == ("page.md", 8)


def need_what_it_takes(page: pathlib.Path, request: pytest.FixtureRequest) -> None:
    """Skips a page that draws where nothing can, or that needs what is not installed."""
    text = page.read_text()
    if any(word in text for word in ("rgb_array", "dm-deepmimic-view", "--video")):
        request.getfixturevalue("draws")
    if "import acme" in text or "python examples/acme" in text:
        pytest.importorskip("acme")
    if "import gymnasium" in text:
        pytest.importorskip("gymnasium")
    if "\npython examples/acme_ppo.py --actors" in text:
        pytest.importorskip("ray", reason="clusters need the extra cluster")
    if "\npython examples/minari_dataset.py" in text:
        pytest.importorskip("minari", reason="datasets need the extra minari")
        folder = str(request.getfixturevalue("tmp_path") / "datasets")
        request.getfixturevalue("monkeypatch").setenv("MINARI_DATASETS_PATH", folder)
    if "import PPOConfig" in text:
        pytest.importorskip("ray.rllib", reason="RLlib needs the extra torch", exc_type=ImportError)
    if "\npython -m dm_deepmimic.serve " in text:
        pytest.importorskip("dm_env_rpc", reason="servers need the extra rpc")
    if "\nfrom gdm_robotics" in text:
        pytest.importorskip("gdm_robotics", reason="these interfaces need the extra gdmr")
    if "import onnxruntime" in text:
        pytest.importorskip("onnx", reason="ONNX graphs need the extra onnx")
        pytest.importorskip("onnxruntime", reason="onnxruntime runs ONNX graphs")
    if "import torchrl" in text:
        pytest.importorskip("torchrl", reason="PyTorch's libraries need the extra torch")
    if "acme_shims" in text:
        pytest.importorskip("reverb", reason="Acme's own agents need the extra acme-agents")
        # Where these log and save.
        request.getfixturevalue("monkeypatch").setenv(
            "HOME", str(request.getfixturevalue("tmp_path"))
        )


def anchors(page: pathlib.Path) -> set[str]:
    """Returns the names of a page's headings in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def write_policy(folder: pathlib.Path) -> None:
    """Writes a policy that stands still, as a training would one that walks."""
    zeros, ones = np.zeros(28, np.float32), np.ones(28, np.float32)
    still = policy.Policy(
        state_size=227, goal_size=0, input_mean=np.zeros(227, np.float32),
        input_std=np.ones(227, np.float32), layers=((np.zeros((227, 28), np.float32), zeros),),
        action_mean=zeros, action_std=ones,
    )  # fmt: skip
    folder.mkdir()
    policy.write_policy(still, folder / policy.FILE)
