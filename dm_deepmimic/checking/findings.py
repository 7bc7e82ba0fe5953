"""A finding: what is wrong or unusual about a file, where, and how to mend it."""

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dm_deepmimic.arrays import Array, BoolArray


class Severity(enum.Enum):
    """How bad a finding is.

    Attributes:
        WRONG: Almost certainly a mistake.
        UNUSUAL: Beyond what DeepMimic's own clips and characters do.
        NOTE: Good to know.
    """

    WRONG = "wrong"
    UNUSUAL = "unusual"
    NOTE = "note"


class Span(NamedTuple):
    """Some frames of a clip, the first of which is 0."""

    first: int
    last: int
    number: int  # of frames from the first to the last that are meant
    start: float  # time of the first [s]
    end: float  # time of the last [s]

    def __str__(self) -> str:
        if self.first == self.last:
            return f"frame {self.first} at {self.start:.2f} s"
        between = self.last - self.first + 1
        some = "" if self.number == between else f", {self.number} of them"
        return f"frames {self.first} to {self.last}{some}, {self.start:.2f} to {self.end:.2f} s"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is wrong or unusual about a file.

    Attributes:
        severity: How bad it is.
        file: Path of the file.
        part: Name of the joint, body, or key; empty for all of the file.
        what: What was found, without a full stop.
        usual: What is usual, likewise.
        mend: How to mend it, likewise; empty where there is nothing to do.
        span: The frames in which it was found, if any.
    """

    severity: Severity
    file: str
    part: str
    what: str
    usual: str
    mend: str = ""
    span: Span | None = None

    def __str__(self) -> str:
        """Returns a finding in words, without its file."""
        place = ", ".join(str(place) for place in (self.part, self.span) if place)
        text = f"{self.severity.value}: {f'{place}: ' if place else ''}{self.what}."
        text += f" Usual: {self.usual}."
        return f"{text} To mend: {self.mend}." if self.mend else text

    def as_json(self) -> dict[str, Any]:
        """Returns the finding as JSON has it."""
        table = dataclasses.asdict(self)
        span = None if self.span is None else self.span._asdict()
        return table | {"severity": self.severity.value, "span": span}


def span(times: Array, chosen: BoolArray) -> Span:
    """Returns the chosen frames, at least one of them, of those at some times; shape `(F,)`."""
    frames = np.flatnonzero(chosen)
    first, last = int(frames[0]), int(frames[-1])
    return Span(first, last, len(frames), float(times[first]), float(times[last]))


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Returns findings in the order of their severity."""
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def listed(names: Sequence[str], most: int = 3) -> str:
    """Returns names in a row, the first ones of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
