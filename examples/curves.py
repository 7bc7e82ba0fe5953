"""The learning curve of a training: a table and a picture, each written whole or not at all, and
events for TensorBoard.
"""

import pathlib
from collections.abc import Mapping, Sequence

import events
import numpy as np
from absl import logging
from matplotlib import figure, ticker

from dm_deepmimic import array_files

TABLE = "learning_curve.csv"
PICTURE = "learning_curve.png"
EVENTS = "events"


class LearningCurve:
    """The measures of a run, a row an update.

    Args:
        output: Folder of the table and the picture.
        with_events: Whether to write events too.
        resumed: Steps up to which to take up what is there, and to hide events; None begins anew.
    """

    def __init__(self, output: pathlib.Path, with_events: bool = False, resumed: int | None = None):
        self._table, self._picture = output / TABLE, output / PICTURE
        self._rows: list[dict[str, str]] = []
        self._events = events.Events(output / EVENTS, resumed) if with_events else None
        if resumed is not None:
            self._take_up(resumed)

    def add(self, measures: Mapping[str, float]) -> None:
        """Takes a row."""
        self._rows.append({name: str(value) for name, value in measures.items()})
        if self._events is not None:
            self._events.add(measures)

    def save(self, names: Sequence[str]) -> None:
        """Writes the table, and the picture of some columns.

        Raises:
            OSError: One cannot be written, as on a full disk; the old one stays.
        """
        columns = sorted(set().union(*self._rows))
        rows = [columns, *([row.get(name, "nan") for name in columns] for row in self._rows)]
        with array_files.replacing(self._table) as file:
            file.write("".join(",".join(row) + "\n" for row in rows).encode())
        drawn = {name: self._column(name) for name in names}
        drawn = {name: column for name, column in drawn.items() if np.any(np.isfinite(column))}
        num_rows = max(1, (len(drawn) + 1) // 2)
        picture = figure.Figure(figsize=(9.0, 3.0 * num_rows), layout="constrained")
        for place, (name, column) in enumerate(drawn.items(), start=1):
            axes = picture.add_subplot(num_rows, 2, place)
            axes.plot(self._column("steps"), column)
            axes.set(xlabel="steps", ylabel=name.rpartition("/")[2].replace("_", " "))
            axes.xaxis.set_major_formatter(ticker.EngFormatter())  # 200 k rather than 200000
            axes.grid(alpha=0.3)
        if self._events is not None:
            self._events.flush()
        with array_files.replacing(self._picture) as file:
            picture.savefig(file, format="png")

    def close(self) -> None:
        """Writes the last events."""
        if self._events is not None:
            self._events.close()

    def _take_up(self, steps: int) -> None:
        """Takes up the table's rows up to so many steps, and drops those that are not whole."""
        if not self._table.exists():
            return
        *lines, stump = self._table.read_text(errors="replace").split("\n")
        names, *rows = [line.split(",") for line in lines] or [[]]
        whole = [row for row in rows if len(row) == len(names) and all(map(_is_number, row))]
        if "steps" not in names:
            whole = []
        dropped = len(rows) - len(whole) + bool(stump)
        if dropped:
            logging.warning("Dropped %d rows of %s that were not whole.", dropped, self._table)
        known = [dict(zip(names, row, strict=True)) for row in whole]
        self._rows = [row for row in known if float(row["steps"]) <= steps]

    def _column(self, name: str) -> np.ndarray:
        """Returns a measure of all rows, NaN where a row lacks it, as scenes differ."""
        return np.array([float(row.get(name, "nan")) for row in self._rows])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
