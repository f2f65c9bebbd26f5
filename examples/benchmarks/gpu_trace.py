"""The costliest operations of a step of pretraining, from TensorFlow's profiler. `gpu.py` runs it.

On a GPU these are its kernels; on a CPU the operations of its threads. An operation's time is its own, without that of
the operations inside of it.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import re
import tempfile
from collections import Counter
from pathlib import Path

import gpu_arrays
import tensorflow as tf
from gpu_options import parse_run, rows_of, write
from gpu_ours import masked_lm
from gpu_tensorflow import device, of_rows

LENGTH, SHOWN = 512, 10
WAITING = ("BlockUntilReady",)


def main(options):
    rows = rows_of(options, LENGTH)
    arrays = gpu_arrays.rows(options.batches, f"dense-{LENGTH}", options.steps * rows)
    model = masked_lm(options, options.steps)
    dataset = of_rows(({name: arrays[name] for name in model.input}, arrays["labels"], arrays["weights"]), rows)
    model.fit(dataset, steps_per_epoch=options.steps, verbose=0, shuffle=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        model.fit(dataset, steps_per_epoch=options.steps, verbose=0, shuffle=False)
        tf.profiler.experimental.stop()
        times = own_times(next(Path(folder).rglob("*.xplane.pb")))
    total = sum(times.values())
    found = [
        {"operation": name, "milliseconds_per_step": seconds / options.steps * 1000, "share": seconds / total}
        for name, seconds in times.most_common(SHOWN)
    ]
    return {"step": {"milliseconds_of_operations": total / options.steps * 1000}}, found


def own_times(path: Path) -> Counter:
    """operation -> seconds, over all threads or streams of the device."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    planes = [plane for plane in space.planes if plane.name.startswith("/device:GPU")]
    times = Counter()
    for plane in planes or [plane for plane in space.planes if plane.name.startswith("/host:CPU")]:
        lines = [line for line in plane.lines if not planes or line.name.startswith("Stream")]
        for line in lines:
            events = [
                (event.offset_ps, event.offset_ps + event.duration_ps, plane.event_metadata[event.metadata_id].name)
                for event in line.events
            ]
            for name, picoseconds in own_time_of(events).items():
                # Python's own frames and, on a CPU, C++ functions that call operations and wait for them; and numbers
                # that XLA gives to operations that are alike.
                if not name.startswith("$") and (planes or not ("::" in name or name in WAITING)):
                    times[re.sub(r"[.:]\d+$", "", name)] += picoseconds / 1e12
    return times


def own_time_of(events: list[tuple[int, int, str]]) -> Counter:
    """name -> time of events (begin, end, name) of one thread, less that of the events inside of each."""
    times, open_events = Counter(), []
    for begin, end, name in sorted(events, key=lambda event: (event[0], -event[1])):
        while open_events and open_events[-1][0] <= begin:
            open_events.pop()
        if open_events:
            times[open_events[-1][1]] -= end - begin
        times[name] += end - begin
        open_events.append((end, name))
    return times


if __name__ == "__main__":
    options = parse_run(__doc__)
    figures, found = main(options)
    write(options, device(), figures, found)
