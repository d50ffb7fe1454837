"""Example: draw metrics of a person over time, and the masks of an analysis on the photo.

Needs matplotlib. Run it with `python examples/plot_results.py results.png`. It uses the sandbox, so
the values and the masks are made up.
"""

# matplotlib leaves the types of keyword arguments open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon

from haut_ext import BatchResults, Haut, Mask, Row, UploadedBatch
from haut_ext.sandbox import Sandbox

PHOTO = Path(__file__).parent / "photos" / "portrait.jpg"
METRICS = ("redness_score", "Pores_score", "perceived_age")
MASKS = {"redness": "tab:red", "pores": "tab:blue", "lines": "tab:green", "eye_bags": "tab:purple"}


def main(path: str) -> None:
    with Sandbox(seed=1, analysis_reads=0) as sandbox, Haut(**sandbox.credentials) as haut:
        subject = haut.subjects.create("customer-4711")
        batches: list[UploadedBatch] = []
        for month in range(6):
            # The sandbox derives the values from the bytes of the photo: more bytes, other values.
            photo = PHOTO.read_bytes() + bytes(month)
            batches.append(haut.upload_and_compute(subject.id, front=photo))
            sandbox.clock.advance(30 * 24 * 3600)
        rows = haut.history(subject.id)
        results = haut.results(batches[-1])

    figure, (over_time, on_photo) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    draw_history(over_time, rows)
    draw_masks(on_photo, results)
    figure.savefig(path, dpi=100)


def draw_history(axes: Axes, rows: Iterable[Row]) -> None:
    """Draw a line for each metric in `METRICS`."""
    for name in METRICS:
        values = [
            (datetime.fromisoformat(str(row["date"])), row["number"])
            for row in rows
            if row["metric"] == name and isinstance(row["number"], int | float)
        ]
        axes.plot(*zip(*values, strict=True), marker="o", label=name)
    axes.set_title("Metrics over time")
    axes.tick_params(axis="x", rotation=30)
    axes.legend()


def draw_masks(axes: Axes, results: BatchResults) -> None:
    """Draw the masks of the families in `MASKS` on the uploaded photo, cropped to the face."""
    axes.imshow(plt.imread(PHOTO))
    for family, color in MASKS.items():
        for mask in results[family].masks:
            if mask.target == "original":
                draw_mask(axes, mask, color)
        axes.plot([], [], color=color, label=family)
    axes.set(xlim=(70, 260), ylim=(215, 0))
    axes.set_title("Masks on the photo")
    axes.set_axis_off()
    axes.legend(loc="lower right")


def draw_mask(axes: Axes, mask: Mask, color: str) -> None:
    """Draw the shapes of a mask, whose coordinates are pixels of the photo."""
    for shape in mask.shapes:
        for outline, *_ in shape.polygons:
            axes.add_patch(Polygon(outline, facecolor=color, edgecolor=color, alpha=0.4))
        for line in shape.lines:
            axes.plot(*zip(*line, strict=True), color=color)
        for point in shape.points:
            axes.add_patch(Circle((point.x, point.y), point.radius or 1, color=color, alpha=0.6))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "results.png")
