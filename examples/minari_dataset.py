"""Turns recorded episodes into a dataset for offline learning, as Minari keeps them.

    python -m dm_deepmimic.evaluate humanoid3d_walk --policy=zoo:walk --record=walk.npz
    python examples/minari_dataset.py walk.npz deepmimic/walk/zoo-v0

`minari.load_dataset` then has it, from `~/.minari` or `$MINARI_DATASETS_PATH`. Of a preset it knows
the environment too: `dataset.recover_environment()`.
"""

import argparse

import gymnasium
import minari
from minari.data_collector import EpisodeBuffer

from dm_deepmimic.adapters.gymnasium import PRESETS
from dm_deepmimic.adapters.gymnasium_env import GymnasiumEnv
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation import records
from dm_deepmimic.evaluation.trajectories import Trajectory


def buffer_of(number: int, episode: Trajectory) -> EpisodeBuffer:
    """Returns an episode as Minari takes it; `infos` are the reward's terms."""
    steps, ends = episode.steps, [False] * len(episode.rewards)
    is_cut = episode.end_reason is EndReason.TIME_LIMIT
    return EpisodeBuffer(
        id=number,
        seed=episode.seed,
        observations=steps.observations,
        actions=steps.actions,
        rewards=episode.rewards.tolist(),
        terminations=[*ends[1:], not is_cut],
        truncations=[*ends[1:], is_cut],
        infos=dict(episode.terms),
    )


def write_dataset(record: records.Record, name: str) -> minari.MinariDataset:
    """Writes a record's episodes as a dataset of a name, which must be new."""
    arguments = {**record.arguments, "core": record.about["core"], "dtype": "float64"}
    scene = arguments.pop("name_or_path")
    if scene in PRESETS:
        environment = gymnasium.make(f"DeepMimic/{scene}-v0", **arguments)
        known = {"env": environment}
    else:
        environment = GymnasiumEnv(scene, **arguments)
        spaces = environment.action_space, environment.observation_space
        known = dict(zip(("action_space", "observation_space"), spaces, strict=True))
    with environment:
        return minari.create_dataset_from_buffers(
            name,
            [buffer_of(*numbered) for numbered in enumerate(record.trajectories)],
            algorithm_name=str(record.about.get("policy")),
            description=f"Episodes of {scene}, recorded by dm_deepmimic.",
            **known,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("record", help="a file of `python -m dm_deepmimic.evaluate --record`")
    parser.add_argument("name", help="of the dataset, such as deepmimic/walk/zoo-v0")
    options = parser.parse_args()
    dataset = write_dataset(records.read_record(options.record), options.name)
    print(f"{options.name}: {dataset.total_episodes} episodes, {dataset.total_steps} steps")


if __name__ == "__main__":
    main()
