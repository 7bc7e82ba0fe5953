"""Compiles the kernels of scenes ahead of their first use: `python -m dm_deepmimic.compile`."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from dm_deepmimic import compiling, errors, loading, presets, progress


def main(arguments: Sequence[str] | None = None) -> None:
    """Compiles what the named scenes need, or all presets whose clips are installed."""
    parser = argparse.ArgumentParser(
        prog="python -m dm_deepmimic.compile",
        description="Compiles the kernels of scenes and keeps them on disk, where all processes, "
        "and all copies of this version, find them: for the images of a cluster, say.",
        epilog="They are kept in $NUMBA_CACHE_DIR or, where that is not set, in the user's cache "
        "folder, for processors like this machine's. Who finds them need not be able to write.",
    )
    parser.add_argument(
        "scenes", nargs="*", metavar="PRESET",
        help="a preset or the path of an arg file; by default all presets whose clips are "
        "installed, of which only the first of a kind of scene takes long",
    )  # fmt: skip
    scenes = parser.parse_args(arguments).scenes
    try:
        print(f"Kernels are kept in {compiling.cache_folder()}.", flush=True)
        if scenes:
            for scene in scenes:
                _compile(scene)
        else:
            _compile_presets()
    except errors.DeepMimicError as error:
        sys.exit(f"dm_deepmimic.compile: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _compile_presets() -> None:
    names = presets.names()
    missing = list[errors.AssetNotFoundError]()
    for name in names:
        try:
            _compile(name)
        except errors.AssetNotFoundError as error:
            print(f"{name}: left out, for a clip is not installed", flush=True)
            missing.append(error)
    if len(missing) == len(names):
        raise missing[0]


def _compile(scene: str) -> None:
    """Does once what compiles a kernel, and says how long it took."""
    start = time.monotonic()
    with (
        progress.announced(scene),
        loading.load(scene, core="embedded", seed=0) as environment,
    ):
        core: Any = environment.core
        environment.reset()
        environment.step(core.reference_actions([core.get_clip_time()])[0])
        if core.get_amp_obs_size() > 0:
            core.record_amp_obs_agent()
            core.sample_expert(1)
    print(f"{scene}: ready after {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
