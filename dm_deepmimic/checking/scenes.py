"""Findings of a scene: of the files that its arg file names, and of what does not fit together."""

import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dm_deepmimic import scene_files, settings_reader
from dm_deepmimic.character import Character, Controller
from dm_deepmimic.checking import characters, clips, controllers, findings, measures
from dm_deepmimic.checking.findings import Finding, Severity
from dm_deepmimic.embedded import scenes
from dm_deepmimic.motion import load_clip
from dm_deepmimic.settings import Settings

FALLS_UNUSUAL = 0.1  # share of a clip's frames that are falls; official presets 0.04
CLIP_ALONE = "kin_char"  # the scene that plays a clip


class Looked(NamedTuple):
    """What was looked at.

    Attributes:
        found: All findings.
        clips: The clips, each with its character.
    """

    found: list[Finding]
    clips: list[tuple[pathlib.Path, Character]]


def check(name_or_path: str, data_root: str | os.PathLike[str] | None = None) -> Looked:
    """Returns all findings of a preset or an arg file.

    Raises:
        DeepMimicError: See `loading.load`.
    """
    scene = scene_files.read_scene(name_or_path, data_root)
    parsed = scene.arguments
    if settings_reader.scene_name(parsed)[0] == CLIP_ALONE:
        person = scene.read_character(scene.file_name("character_file", "character_files"))
        paths = scene.clip_files(scene.file_name("motion_file"), scene.names_a_set())
        return _look(person, characters.check(person), paths)
    settings = scenes.read_settings(parsed)
    person = scene.read_character(settings.character_files[0])
    controller = scene.read_controller(settings.char_ctrl_files[0], person)
    paths = scene.clip_files(settings.motion_file, settings.kin_ctrl == "clips")
    found = characters.check(person) + controllers.check(controller, person)
    looked = _look(person, found, paths)
    fits = _check_fit(str(parsed.source), settings, person, controller, paths)
    return looked._replace(found=[*looked.found, *fits])


def _look(person: Character, found: list[Finding], paths: tuple[pathlib.Path, ...]) -> Looked:
    unique = list(dict.fromkeys(paths))
    for path in unique:
        found = found + clips.check(path, person)
    return Looked(found, [(path, person) for path in unique])


def _check_fit(
    source: str,
    settings: Settings,
    person: Character,
    controller: Controller,
    paths: tuple[pathlib.Path, ...],
) -> Iterator[Finding]:
    if settings.scene == "imitate" and not controller.phase_input:
        yield Finding(
            Severity.UNUSUAL, source, "char_ctrl_files",
            f"{controller.path.name} does not tell the phase, so that the state does not say where "
            "in the clip it is",
            "EnablePhaseInput is true in the scene imitate", "write EnablePhaseInput true",
        )  # fmt: skip
    subjects = [measures.subject(path, person, load_clip(path, person)) for path in paths]
    longest = max(float(subject.clip.times[-1]) for subject in subjects)
    if longest > settings.time_end_lim_max:
        yield Finding(
            Severity.UNUSUAL, source, "time_end_lim_max",
            f"episodes end after {settings.time_end_lim_max:g} s, and a clip takes {longest:.3g} s",
            "clips end before the time does", "raise time_end_lim_min and time_end_lim_max",
        )  # fmt: skip
    if settings.enable_fall_end and settings.enable_char_contact_fall and len(subjects) == 1:
        yield from _check_falls(source, settings, subjects[0])


def _check_falls(source: str, settings: Settings, subject: measures.Subject) -> Iterator[Finding]:
    """Yields a finding where the clip itself is a fall, and one where nothing is."""
    person = subject.person
    falls = np.zeros(person.num_joints, np.bool_)
    falls[[body for body in settings.fall_contact_bodies if body < len(falls)]] = True
    if not settings.fall_contact_bodies:
        falls = person.fall_contact
    if not np.any(falls):
        yield Finding(
            Severity.NOTE, source, "fall_contact_bodies",
            "no body's contact with the ground is a fall, so that no episode ends by one",
            "all bodies but those that the clip puts on the ground", "name bodies",
        )  # fmt: skip
        return
    touches = falls & (subject.placed.lowest < 0.0)
    often = np.any(touches, axis=1)
    if np.mean(often) > FALLS_UNUSUAL:
        names = [person.body_names[body] for body in np.flatnonzero(np.any(touches, axis=0))]
        yield Finding(
            Severity.UNUSUAL, source, "fall_contact_bodies",
            f"{subject.path.name} puts {findings.listed(names)} on the ground, which is a fall",
            "bodies that the clip puts on the ground are not among them",
            "take these out, or write --enable_char_contact_fall false",
            findings.span(subject.clip.times, often),
        )  # fmt: skip
