"""Keeps the zoo, the policies that come with the package, and its page.

    python benchmarks/zoo.py add walk walk --command="python examples/acme_ppo.py ..."
    python benchmarks/zoo.py page
    python benchmarks/zoo.py film run spinkick cartwheel backflip

`add` takes in the policy that a training left in a folder: without its critic, judged as it ships,
with its curve and a recorded episode. `page` prints the tables of docs/zoo.md and draws its
picture, `film` writes a short one of some policies beside each other. What is known of each policy
is in `docs/zoo.json`. It needs the extras `clips`, `evaluation` and `viewer`, and takes the clips
of the first.
"""

import argparse
import csv
import dataclasses
import importlib.util
import json
import pathlib
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import imageio.v2 as imageio
import numba
import numpy as np
from matplotlib import figure, ticker

import dm_deepmimic
from dm_deepmimic import array_files, evaluate, policies, policy

ROOT = pathlib.Path(__file__).parents[1]
MANIFEST = ROOT / "docs" / "zoo.json"
PICTURE = ROOT / "docs" / "zoo.png"
FILM = ROOT / "docs" / "zoo.gif"
POLICIES = ROOT / "dm_deepmimic" / "data" / "policies"
RECORDS = ROOT / "tests" / "golden" / "zoo"
ORDER = (
    "walk", "run", "jump", "spin", "spinkick", "cartwheel", "backflip", "crawl", "roll", "dance_a",
    "dance_b", "punch", "kick", "getup_facedown", "getup_faceup", "all", "amp_walk", "amp_run",
    "amp_target",
)  # fmt: skip
TASKS = {"amp_target": "amp_target_humanoid3d_locomotion"}
PUBLISHED = {"walk": 0.80, "spinkick": 0.17, "backflip": 0.43, "jump": 0.50}  # reward a step
EPISODES, EPISODES_OF_SET = 100, 300
RECORDED_STEPS = 60
FILMED_STEPS = 75
FRAME_STEPS = 2  # of a film's frame
CURVE_POINTS = 50
RETURN, LENGTH = "Metrics/episode_return", "Metrics/episode_length"  # of a learning curve


def preset_of(name: str) -> str:
    """Returns the scene of a policy: of `amp_walk` it is `amp_humanoid3d_walk`."""
    if name in TASKS:
        return TASKS[name]
    style = "amp_" if name.startswith("amp_") else ""
    return f"{style}humanoid3d_{name.removeprefix(style)}"


def clips_root() -> pathlib.Path:
    """Returns the folder of the clips in the extra `clips`."""
    spec = importlib.util.find_spec("pybullet_data")
    assert spec is not None and spec.origin is not None, "The zoo needs the extra `clips`."
    return pathlib.Path(spec.origin).parent


def record(scene: str, name: str) -> dict[str, Any]:
    """Returns the first steps of an episode of a policy: poses, at most `RECORDED_STEPS` + 1, the
    reward of each step, and the kind of machine.
    """
    act: Any = policies.read_policy(name)
    with dm_deepmimic.load(
        scene, core="embedded", data_root=clips_root(), seed=0, mode="test"
    ) as environment:
        timestep, rewards = environment.reset_to(time=0.0), []
        poses = [environment.core.get_pose()]
        for _ in range(RECORDED_STEPS):
            timestep = environment.step(act(timestep.observation))
            poses.append(environment.core.get_pose())
            rewards.append(timestep.reward)
            if timestep.last():
                break
    return {"poses": np.array(poses), "rewards": np.array(rewards), "machine": machine()}


def machine() -> str:
    """Returns what matrix products may round by: the processor, and the versions of NumPy and
    numba.
    """
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    parts = [line for line in lines if line.startswith(("vendor_id", "cpu family", "model"))]
    kind = " ".join(dict.fromkeys(line.partition(":")[2].strip() for line in parts))
    return f"{kind}, NumPy {np.__version__}, numba {numba.__version__}"


def add(name: str, folder: pathlib.Path, command: str) -> None:
    """Takes in a training's policy, and all that is known of it, once it is known."""
    trained = policy.read_policy(folder / policy.FILE)
    shipped = dataclasses.replace(trained, layout="2021", value_layers=())
    scene, count = preset_of(name), EPISODES_OF_SET if name == "all" else EPISODES
    options = [scene, f"--policy=zoo:{name}", f"--episodes={count}"]
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / policy.FILE
        policy.write_policy(shipped, path)
        asked = [*options, f"--policy={path}", f"--data-root={clips_root()}"]
        judged = evaluate.run(evaluate.parse(asked)).as_json()
        recorded = record(scene, str(path))
    text = array_files.read(folder / "checkpoint.npz", "checkpoint").text("header")
    counts = json.loads(text)["counts"]
    entry = {
        "command": command,
        "evaluation": " ".join(["python -m dm_deepmimic.evaluate", *options]),
        "samples": counts["steps"],
        "minutes": round(counts["seconds"] / 60.0, 1),
        "ends": judged["ends"],
        "measures": judged["measures"],
        "clips": judged["clips"] if name == "all" else {},
        "curve": curve(folder / "learning_curve.csv"),
    }
    policy.write_policy(shipped, POLICIES / f"{name}.npz")
    RECORDS.mkdir(exist_ok=True)
    array_files.write(RECORDS / f"{name}.npz", recorded)
    manifest = read_manifest() | {name: entry}
    with array_files.replacing(MANIFEST) as file:
        file.write((json.dumps(manifest, indent=1) + "\n").encode())


def curve(path: pathlib.Path) -> dict[str, list[float]]:
    """Returns some points of a learning curve."""
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row[RETURN] != "nan"]
    chosen = [rows[i] for i in np.linspace(0, len(rows) - 1, CURVE_POINTS).astype(int)]
    lengths = np.array([float(row[LENGTH]) for row in chosen])
    rewards = np.array([float(row[RETURN]) for row in chosen]) / lengths
    return {
        "steps": [int(row["steps"]) for row in chosen],
        "length": np.round(lengths, 1).tolist(),
        "reward": np.round(rewards, 4).tolist(),
    }


def read_manifest() -> dict[str, Any]:
    """Returns what is known of each policy, by its name in the order of the zoo."""
    content = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    return {name: content[name] for name in ORDER if name in content}


def tables() -> str:
    """Returns the tables of the page."""
    heads = ("policy", "survives", "succeeds", "reward a step", "published 2018", "MPJPE [mm]",
             "root-relative [mm]", "DTW [m]", "samples", "minutes")  # fmt: skip
    rows = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    commands = ["| policy | trained by |", "|---|---|"]
    for name, entry in read_manifest().items():
        measure = {key: value["mean"] for key, value in entry["measures"].items()}
        cells = (
            f"`zoo:{name}`",
            _shown(measure["survival"], "{:.0%}"),
            _shown(measure["success_rate"], "{:.0%}"),
            _shown(measure["reward"] or None, "{:.3f}"),  # styles have none
            _shown(PUBLISHED.get(name), "{:.2f}"),
            _shown(measure["mpjpe"], "{:.0f}"),
            _shown(measure["root_relative_mpjpe"], "{:.0f}"),
            _shown(measure["dtw_distance"], "{:.3f}"),
            f"{entry['samples'] / 1e6:.1f} M",
            f"{entry['minutes']:.0f}",
        )
        rows.append("| " + " | ".join(cells) + " |")
        commands.append(f"| `zoo:{name}` | `{entry['command']}` |")
    lines = [*rows, "", *commands]
    for name, entry in read_manifest().items():
        if entry.get("clips"):
            lines += [
                "",
                f"| clip of `zoo:{name}` | survives | succeeds | reward a step | MPJPE [mm] |",
            ]
            lines += ["|---|---|---|---|---|", *_clip_rows(entry["clips"])]
    return "\n".join(lines)


def _clip_rows(clips: dict[str, Any]) -> Iterator[str]:
    forms = {"survival": "{:.0%}", "success_rate": "{:.0%}", "reward": "{:.3f}", "mpjpe": "{:.0f}"}
    for clip, measures in clips.items():
        cells = (_shown(measures[name]["mean"], form) for name, form in forms.items())
        yield "| " + " | ".join((clip.removeprefix("humanoid3d_"), *cells)) + " |"


def draw() -> None:
    """Writes the picture of all learning curves."""
    manifest = read_manifest()
    columns = 5
    num_rows = -(-len(manifest) // columns)
    picture = figure.Figure(figsize=(11.0, 1.9 * num_rows), layout="constrained")
    for place, (name, entry) in enumerate(manifest.items(), start=1):
        axes, points = picture.add_subplot(num_rows, columns, place), entry["curve"]
        axes.plot(points["steps"], points["length"], color="tab:blue")
        axes.set_ylim(0.0, 620.0)
        axes.set_title(name, fontsize=9)
        axes.xaxis.set_major_formatter(ticker.EngFormatter())
        other = axes.twinx()
        other.plot(points["steps"], points["reward"], color="tab:orange")
        other.set_ylim(0.0, 1.0)
        for each in (axes, other):
            each.tick_params(labelsize=7)
    with array_files.replacing(PICTURE) as file:
        picture.savefig(file, format="png", dpi=80)


def film(names: Sequence[str]) -> None:
    """Writes a film of policies beside each other."""
    rows = [list(_pictures(name)) for name in names]
    with imageio.get_writer(FILM, duration=1000.0 * FRAME_STEPS / 30.0, loop=0) as writer:
        for pictures in zip(*rows, strict=True):
            writer.append_data(np.concatenate(pictures, axis=1))


def _pictures(name: str) -> Iterator[Any]:
    act: Any = policies.read_policy(f"zoo:{name}")
    with dm_deepmimic.load(
        preset_of(name), core="embedded", data_root=clips_root(), seed=0, mode="test"
    ) as environment:
        timestep = environment.reset_to(time=0.0)
        for step in range(FILMED_STEPS):
            if step % FRAME_STEPS == 0:
                yield environment.render("rgb_array", width=200, height=200, camera="side")
            if not timestep.last():  # where it ends the picture stays
                timestep = environment.step(act(timestep.observation))


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="action", required=True)
    adding = commands.add_parser("add", help="takes in a policy")
    adding.add_argument("name", choices=ORDER)
    adding.add_argument("folder", type=pathlib.Path)
    adding.add_argument("--command", required=True, help="what trained it")
    commands.add_parser("page", help="prints the tables and draws the picture")
    filming = commands.add_parser("film", help="writes a short film of some policies")
    filming.add_argument("names", nargs="+", choices=ORDER)
    options = parser.parse_args()
    if options.action == "add":
        add(options.name, options.folder, options.command)
    elif options.action == "film":
        film(options.names)
    else:
        print(tables())
        draw()


def _shown(number: float | None, form: str) -> str:
    return "" if number is None else form.format(number)


if __name__ == "__main__":
    main()
