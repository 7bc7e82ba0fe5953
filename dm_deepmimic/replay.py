"""Plays an invalid episode again: `python -m dm_deepmimic.replay dumps/invalid_000.npz`.

Tells each step, and whether the episode ends as it did. With `--view` the viewer shows it, which
takes the other options: `--view --video=again.mp4`.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence

from dm_deepmimic import dumps, errors, loading
from dm_deepmimic.core import EndReason
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser("python -m dm_deepmimic.replay", description=__doc__)
    parser.add_argument("dump", help="a file that load(..., dump_dir=...) wrote")
    parser.add_argument("--view", action="store_true", help="show it in the viewer")
    options, others = parser.parse_known_args(arguments)
    if options.view:
        viewer.main([options.dump, *others])
        return
    if others:
        parser.error(f"expected no {others[0]} without --view")
    try:
        if not replay(dumps.read_dump(options.dump)):
            sys.exit("replay: the episode does not end as it did where it was written.")
    except (errors.DeepMimicError, OSError, ValueError) as error:
        sys.exit(f"replay: {error}")


if __name__ == "__main__":
    main()
