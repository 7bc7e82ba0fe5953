"""Plays episodes again: `python -m dm_deepmimic.replay dumps/invalid_000.npz`.

Of an invalid episode, which `load(..., dump_dir=...)` wrote, it tells each step, and whether the
episode ends as it did; of a record, which `dm_deepmimic.evaluate --record` wrote, whether all is
bitwise as it was. With `--view` the viewer shows it, which takes the other options:
`--view --video=again.mp4`.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import dumps, errors, loading
from dm_deepmimic.core import EndReason
from dm_deepmimic.evaluation import evaluating, records
from dm_deepmimic.viewer import __main__ as viewer


def replay(dump: dumps.Dump) -> bool:
    """Prints the steps of an episode, and returns whether it ends as it did: at the last action, by
    the same cause.

    Raises:
        DeepMimicError: The scene cannot be opened, or is another by now.
    """
    opened = loading.load_core(core="embedded", seed=0, **dump.arguments)
    with contextlib.closing(opened) as core:
        core.limit_numbers(dump.largest)
        core.set_state(dump.state)
        print(f"{core.get_name()}, {len(dump.actions)} steps; it was invalid: {dump.cause}")
        reason, steps = EndReason.NONE, 0
        for action in dump.actions:
            core.set_action(action)
            core.control_step()
            reason, steps = core.end_reason(), steps + 1
            fastest = abs(core.get_vel()).max()
            print(f"{core.get_time():7.3f} s  reward {core.calc_reward():.4f}  "
                  f"fastest coordinate {fastest:.3g}  {reason.name}")  # fmt: skip
            if reason is not EndReason.NONE:
                break
        bodies = ", ".join(core.end_bodies())
        print(f"It is {reason.name}: {core.invalid_cause()}{bodies and f' ({bodies})'}")
        return bool(steps == len(dump.actions) and core.invalid_cause() == dump.cause)


def replay_record(record: records.Record) -> bool:
    """Prints how recorded episodes go, and returns whether all is bitwise as it was.

    Raises:
        DeepMimicError: The scene cannot be opened, or is another by now.
        UnsupportedError: They are of a core that keeps no states.
    """
    ran, beginnings = record.trajectories, record.beginnings()
    num_envs = min(len(ran), evaluating.MOST_WORLDS)
    arguments: dict[str, Any] = {**record.arguments}
    with loading.load_batch(num_envs=num_envs, seed=0, **arguments) as batch:
        again = evaluating.play_again(batch, beginnings)
    different = dict(records.differences(ran, again))
    for index, one in enumerate(ran):
        print(f"{index:4d}  seed {one.seed}  {len(one.rewards):4d} steps  "
              f"return {one.rewards.sum():8.3f}  {one.end_reason.name:10s}  "
              f"{different.get(index, 'the same')}")  # fmt: skip
    return not different


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser("python -m dm_deepmimic.replay", description=__doc__)
    parser.add_argument("file", help="an invalid episode, or a record")
    parser.add_argument("--view", action="store_true", help="show it in the viewer")
    options, others = parser.parse_known_args(arguments)
    if options.view:
        viewer.main([options.file, *others])
        return
    if others:
        parser.error(f"expected no {others[0]} without --view")
    try:
        if records.is_record(options.file):
            if not replay_record(records.read_record(options.file)):
                sys.exit("replay: not all is as it was where it was recorded.")
        elif not replay(dumps.read_dump(options.file)):
            sys.exit("replay: the episode does not end as it did where it was written.")
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"replay: {error}")


if __name__ == "__main__":
    main()
