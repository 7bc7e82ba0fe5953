"""Events for TensorBoard, by the extra `tensorboard`.

tensorboardX's own writer has a thread and a queue, and waits for ever once the disk is full. Here
the training's thread writes; what fails is told, and ends the events alone.
"""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging

from dm_deepmimic import extras


class Events:
    """A file of events.

    Args:
        folder: Where it is put, beside those of before.
        resumed: Steps after which events of before are hidden, None for none.
    """

    def __init__(self, folder: pathlib.Path, resumed: int | None):
        extras.imported("tensorboardX", "Logs for TensorBoard", "tensorboard")
        from tensorboardX import event_file_writer

        self._writer: Any = None
        try:
            folder.mkdir(exist_ok=True)
            self._writer = event_file_writer.EventsWriter(str(folder / "events"))
        except OSError as error:
            self._end(error)
        if resumed is not None:
            from tensorboardX.proto import event_pb2

            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(step=resumed + 1, session_log=start)

    def add(self, measures: Mapping[str, float]) -> None:
        """Writes some measures of a step, `measures["steps"]`."""
        from tensorboardX.proto import summary_pb2

        values = [
            summary_pb2.Summary.Value(tag=name, simple_value=value)
            for name, value in measures.items()
        ]
        summary = summary_pb2.Summary(value=values)
        self._write(step=int(measures["steps"]), summary=summary)

    def flush(self) -> None:
        """Brings to the disk what was written."""
        self._try(lambda: self._writer.flush())

    def close(self) -> None:
        """Closes the file."""
        self._try(lambda: self._writer.close())
        self._writer = None

    def _write(self, **content: Any) -> None:
        from tensorboardX.proto import event_pb2

        event = event_pb2.Event(wall_time=time.time(), **content)
        self._try(lambda: self._writer.write_event(event))

    def _try(self, act: Callable[[], object]) -> None:
        if self._writer is not None:
            try:
                act()
            except OSError as error:
                self._end(error)

    def _end(self, error: OSError) -> None:
        self._writer = None
        logging.warning("Writes no more events for TensorBoard: %s.", error)
