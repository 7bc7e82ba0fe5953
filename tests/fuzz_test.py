"""Tests that broken files end in the package's errors, or are read."""

import contextlib
import copy
import json
import pathlib
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dm_deepmimic import (
    character,
    choices,
    errors,
    json_reader,
    motion,
    scene_files,
    settings_reader,
)  # fmt: skip
from dm_deepmimic.checking import characters, clips, controllers
from dm_deepmimic.embedded import scenes

ROUNDS = 150  # of each kind of file and each kind of damage
NASTY = (
    None, True, "", "x", 300 * "x", "a\0b", "\udcff", "/dev/zero", "..", [], {}, [[1, 2], [3]],
    -1, 0, 0.5, 10**9, 10**18, 10**400, -(10**400), 1e-320, 1e200, 1e308, -1e308, float("nan"),
    float("inf"), -float("inf"),
)  # fmt: skip
WORDS = (
    "", "-", "--", "#", "--arg_file", "nan", "inf", "-inf", "1e400", "-1e400", "1e-400", "1e308",
    5000 * "9", 400 * "1", "-1", "0", "0x1", "1_0", "٣", "a\0b", 300 * "x", "/dev/zero", "..",
    "true", "imitate", "kin_char", "dribble_amp", "--scene", "--num_sim_substeps", "--gravity",
)  # fmt: skip


def damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """Returns content that is cut, or some of whose bytes are others, or stand twice."""
    damage = bytearray(content)
    at = chance.randrange(len(content))
    kind = chance.randrange(4)
    if kind == 0:
        return content[:at]
    if kind == 1:
        for _ in range(chance.choice([1, 1, 1, 20])):
            damage[chance.randrange(len(damage))] = chance.randrange(256)
    elif kind == 2:
        damage[at:at] = content[at : at + chance.randrange(200)]
    else:
        del damage[at : at + chance.choice([1, 1, 50])]
    return bytes(damage)


def damaged_json(content: bytes, chance: random.Random) -> bytes:
    """Returns content in which some value is another, or is not there, or stands twice."""
    tree = json.loads(content)
    for _ in range(chance.choice([1, 1, 1, 3])):
        if not tree:
            break
        holder, key = chance.choice(list(places(tree, chance)))
        kind = chance.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [copy.deepcopy(holder[key]) for _ in range(chance.choice([1, 2, 300]))]
        else:
            holder[key] = copy.deepcopy(chance.choice(NASTY))
    return json.dumps(tree).encode()


def places(tree: Any, chance: random.Random) -> Iterator[tuple[Any, Any]]:
    """Yields places in a tree, each with what holds it: a few of a long list."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    for key in keys if len(keys) < 20 else chance.sample(keys, 3):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from places(tree[key], chance)


def damaged_words(content: bytes, chance: random.Random) -> bytes:
    """Returns an arg file some of whose words are others, or are not there."""
    words = content.decode().split(" ")
    for _ in range(chance.choice([1, 1, 1, 5])):
        at = chance.randrange(len(words))
        words[at : at + chance.randrange(3)] = chance.sample(WORDS, chance.randrange(1, 3))
    return " ".join(words).encode(errors="surrogateescape")


def read_character(path: pathlib.Path) -> None:
    person = character.load_character(path, "2018" if path.stat().st_size % 2 else "2021")
    numbers = [value for value in person.skeleton if isinstance(value, np.ndarray)]
    numbers += [person.limit_low, person.limit_high, *person.action_bounds()]
    assert all(np.all(np.isfinite(array)) for array in numbers)
    assert not np.any(np.isnan(person.torque_limit))
    assert all(map(str, characters.check(person)))


def read_controller(path: pathlib.Path, person: character.Character) -> None:
    controller = character.load_controller(path, person)
    assert all(map(str, controllers.check(controller, person)))


def read_clip(path: pathlib.Path, person: character.Character) -> None:
    clip = motion.load_clip(path, person)
    numbers = (clip.times, clip.poses, clip.velocities, clip.cycle_offset)
    assert all(np.all(np.isfinite(array)) for array in numbers)
    assert all(map(str, clips.check(path, person)))


def read_arguments(path: pathlib.Path) -> None:
    """Reads an arg file as the cores do, those of others too, and finds what it names."""
    found, refusals = scene_files.read_scene(path), list[errors.DeepMimicError]()
    for kind in (read_settings, read_limits, read_words):
        try:
            kind(found)
        except errors.DeepMimicError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def read_settings(found: scene_files.SceneFiles) -> None:
    settings = scenes.read_settings(found.arguments)
    for name in (*settings.character_files, settings.motion_file, settings.terrain_file):
        with contextlib.suppress(errors.DeepMimicError):
            found.find(name, "file")


def read_limits(found: scene_files.SceneFiles) -> None:
    limits = choices.Choices(time_limit="anneal").time_limits(found.arguments)
    assert not any(map(np.isnan, limits.values()))


def read_words(found: scene_files.SceneFiles) -> None:
    kinds = scenes.deepmimic_settings()
    settings_reader.words(kinds, scenes.deepmimic_names(), found.arguments)


@pytest.fixture(name="kinds", scope="module")
def kinds_fixture():
    """Returns content and reader of each kind of file, by the kind's name."""

    def find(name: str) -> pathlib.Path:
        return scene_files.find(f"data/{name}.txt", "file")

    person = character.load_character(find("characters/humanoid3d"))
    walk = find("motions/humanoid3d_walk")
    several = {"Motions": [{"Weight": weight, "File": str(walk)} for weight in (1, 2.5)]}
    preset = scene_files.read_scene("humanoid3d_walk").arguments
    words = [f"--{key} {' '.join(value.values)}" for key, value in preset.items()]
    return {
        "character": (find("characters/humanoid3d").read_bytes(), read_character),
        "controller": (
            find("controllers/humanoid3d_ctrl").read_bytes(),
            lambda path: read_controller(path, person),
        ),
        "clip": (walk.read_bytes(), lambda path: read_clip(path, person)),
        "clips": (
            json.dumps(several).encode(),
            lambda path: motion.load_clips(path, person, scene_files.find),
        ),
        "terrain": (
            find("terrain/plane").read_bytes(),
            lambda path: json_reader.JsonReader.open(path).text("Type", ""),
        ),
        "arguments": ("\n".join(words).encode(), read_arguments),
    }


@pytest.mark.parametrize("seed", [0])
@pytest.mark.parametrize(
    "kind", ["character", "controller", "clip", "clips", "terrain", "arguments"]
)
def test_damaged_files_are_read_or_refused(kinds, kind, seed, tmp_path):
    content, read = kinds[kind]
    damages = (damaged_bytes, damaged_words if kind == "arguments" else damaged_json)
    chance, refused = random.Random(f"{kind} {seed}"), 0
    for number in range(ROUNDS):
        for damage in damages:
            path = tmp_path / f"{number}.txt"
            path.write_bytes(damage(content, chance))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    read(path)
                except errors.DeepMimicError as error:
                    refused += 1
                    if isinstance(error, errors.AssetFormatError):
                        assert str(path) in str(error) and len(str(error)) < 1000
    assert refused > 10  # so that damage is done
