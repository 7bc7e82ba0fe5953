"""Judges a policy: `python -m dm_deepmimic.evaluate humanoid3d_walk --policy=walk/policy.npz`.

Runs whole test episodes and prints measures in the field's names and units, each with the 95 %
interval of its mean; `dm_deepmimic.evaluation.metrics` defines them.
"""

import argparse
import contextlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard

import dm_deepmimic
from dm_deepmimic import array_files, checks, dumps, errors, extras, loading, policies
from dm_deepmimic import options as shared
from dm_deepmimic import policy as networks
from dm_deepmimic.batch import BatchEnvironment
from dm_deepmimic.environment import Environment
from dm_deepmimic.evaluation import clips, evaluating, picture, records, summary


def run(options: argparse.Namespace) -> summary.Evaluation:
    """Returns the evaluation that the options ask for.

    Raises:
        DeepMimicError: See `loading.load`.
        ValueError: The policy does not fit the scene, or an option is out of range.
    """
    return summary.summarise(play(options).trajectories, options.phases)


def play(options: argparse.Namespace) -> records.Record:
    """Returns the episodes that the options ask for, with their steps if they shall be recorded.

    Raises:
        DeepMimicError: See `loading.load`.
        ValueError: The policy does not fit the scene, or an option is out of range.
    """
    checks.whole_number("phases", options.phases, 1)
    policy = policies.read_policy(options.policy, options.data_root)
    with _opened(options, policy) as environment, _progress(options.episodes) as progress:
        (inputs,), (outputs,) = (
            spec.shape for spec in (environment.observation_spec(), environment.action_spec())
        )
        policies.check_sizes(policy, inputs, outputs)
        core = environment.core_name if isinstance(environment, Environment) else "embedded"
        if _is_clip(options.record):
            clips.check(environment.core, core)
        ran = evaluating.run_episodes(
            environment,
            policies.open_policy(policy, environment.core, options.seed),
            episodes=options.episodes,
            seconds=options.seconds,
            seed=options.seed,
            progress=progress,
            keep_steps=options.record is not None,
        )
    arguments = {"name_or_path": options.scene, **_arguments(options, policy)}
    about = {"policy": options.policy, "core": core, "version": dm_deepmimic.__version__}
    return records.Record(dumps.kept_arguments(arguments), about, ran)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options."""
    parser = argparse.ArgumentParser(
        "python -m dm_deepmimic.evaluate", description=__doc__.partition("\n\n")[2]
    )
    add = parser.add_argument
    add("scene", help="a preset, or an arg file")
    add("--policy", required=True, help=policies.HELP)
    add("--episodes", type=int, default=100, help="100 by default")
    add("--seconds", type=float, default=20.0, help="longest time of an episode, 20 by default")
    add("--seed", type=int, default=0, help="of the first episode; the others' follow it")
    add("--phases", type=int, default=20, help="parts of the clip to tell apart, 20 by default")
    add("--core", choices=loading.CORES, default="embedded", help="the simulator, ours by default")
    add("--mode", choices=tuple(loading.MODES), default="test", help="test by default")
    add("--data-root", type=pathlib.Path, help="folder of DeepMimic's data")
    add("--set", type=shared.override, action="append", metavar="KEY=VALUE",
        help="override a key of the arg file, such as num_sim_substeps=1")  # fmt: skip
    add("--json", type=pathlib.Path, metavar="FILE", help="write all measures, by episode too")
    add("--picture", type=pathlib.Path, metavar="FILE",
        help="write a .png: errors and failures over the clip, and how episodes end")  # fmt: skip
    add("--record", type=pathlib.Path, metavar="FILE",
        help="write an .npz of all that was seen and done, of at most 1 GiB; or, named .txt, the "
        "episode as a clip of DeepMimic's, several as FILE_0.txt, FILE_1.txt, ...")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    try:
        for path in (options.json, options.picture, options.record):
            if path is not None:
                shared.check_folder(path)
        if options.picture is not None:
            picture.figures()
        played = play(options)
        result = summary.summarise(played.trajectories, options.phases)
        print(result.table())
        if options.json is not None:
            with array_files.replacing(options.json) as file:
                file.write(json.dumps(_asked(options) | result.as_json(), indent=1).encode())
        if options.picture is not None:
            picture.draw(result, options.picture, f"{options.scene}, {options.policy}")
        if _is_clip(options.record):
            clips.write(options.record, played.trajectories)
        elif options.record is not None:
            played.save(options.record)
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"evaluate: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _is_clip(path: pathlib.Path | None) -> TypeGuard[pathlib.Path]:
    return path is not None and path.suffix.lower() == clips.ENDING


def _opened(
    options: argparse.Namespace, policy: policies.Policy | str
) -> Environment | BatchEnvironment:
    """Returns a batch where the core can be one and the policy takes one, else one world."""
    how: dict[str, Any] = {"seed": options.seed, **_arguments(options, policy)}
    if isinstance(policy, networks.Policy) and options.core == "embedded":
        num_envs = max(1, min(options.episodes, evaluating.MOST_WORLDS))
        return loading.load_batch(options.scene, num_envs, **how)
    return loading.load(options.scene, core=options.core, **how)


def _arguments(options: argparse.Namespace, policy: policies.Policy | str) -> dict[str, Any]:
    """Returns what opens the scene, on any core."""
    return {
        "data_root": options.data_root, "mode": options.mode,
        "layout": policy.layout if isinstance(policy, networks.Policy) else None,
        **shared.overrides(options.set),
    }  # fmt: skip


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Yields what shows how many episodes are over."""
    tqdm = extras.imported("tqdm", "Evaluations", "evaluation")
    with tqdm.tqdm(total=total, unit="episode") as bar:
        yield lambda count: bar.update(count - bar.n)


def _asked(options: argparse.Namespace) -> dict[str, object]:
    """Returns what was judged and how, as JSON has it."""
    names = ("scene", "policy", "core", "mode", "seconds", "seed")
    asked = {name: getattr(options, name) for name in names}
    return asked | {"overrides": dict(options.set or ()), "version": dm_deepmimic.__version__}


if __name__ == "__main__":
    main()
