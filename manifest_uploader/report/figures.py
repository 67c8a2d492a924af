"""Draws a timeline as SVG plots without scripts, colours or fonts.

The page's CSS gives them colours, so that one drawing serves light, dark and paper. The plots
contain no text from a manifest.
"""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

from manifest_uploader.output.formatting import size_words, time_words
from manifest_uploader.report.timeline import Bin, Timeline

if TYPE_CHECKING:
    from pygal.graph.graph import Graph

_WIDTH: Final = 440
_HEIGHT: Final = 250
"""In the drawing's own units; a phone shows it at about four fifths of its size."""
_TICKS: Final = 4
_LABELS: Final = 3
"""About how many times are shown below a plot; at most one more."""
_MINUTE_S: Final = 60.0
_SVG: Final = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its title and caption."""

    key: str
    """What it shows, as a word for the page's CSS."""
    title: str
    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """How the numbers of a plot are written, and where its ticks may be."""

    words: Callable[[float], str]
    units: Sequence[float]
    """Ticks are multiples of one of these, in ascending order."""
    stacked: bool = False
    least: float = 0.0
    """The smallest step between ticks; 1 for things that are counted."""


_COUNTS: Final = _Axis(lambda count: f"{count:,.0f}", (1,), least=1)
_STACKED_COUNTS: Final = replace(_COUNTS, stacked=True)
_RATES: Final = _Axis(lambda size: f"{size_words(size)}/s", tuple(1024**n for n in range(5)))
_TIMES: Final = _Axis(lambda seconds: time_words(seconds) if seconds else "0", (1, 60, 3600))


@dataclass(frozen=True, slots=True)
class _Series:
    """The numbers that are drawn in one colour."""

    name: str
    values: Sequence[float | None]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(self.values)


def draw(timeline: Timeline, zone: tzinfo) -> tuple[Figure, ...]:
    """The four plots of a timeline, without those that would be empty."""
    if not timeline.bins:
        return ()
    found = (
        _figure("cases", "Cases over time", "Uploaded and verified, and failed.",
                _line(timeline.bins, zone, _COUNTS,
                      _Series("done", timeline.done), _Series("failed", timeline.failed))),
        _figure("throughput", "Throughput", "Bytes per second of completed uploads.",
                _bars(timeline.bins, zone, _RATES, _Series("sent", timeline.throughput))),
        _figure("imports", "Import waiting times",
                "From the upload of a case to its image on the platform.",
                _line(timeline.bins, zone, _TIMES,
                      _Series("longest", timeline.import_longest_s),
                      _Series("median", timeline.import_median_s))),
        _retries(timeline, zone),
    )  # fmt: skip
    return tuple(figure for figure in found if figure is not None)


def _retries(timeline: Timeline, zone: tzinfo) -> Figure | None:
    """The pauses and repeated steps; failures alone are told elsewhere."""
    waited = _Series("paused", timeline.pauses), _Series("started again", timeline.repeats)
    if all(one.empty for one in waited):
        return None
    words = "Steps that waited for room on the platform, started again, or failed."
    series = (*waited, _Series("failed", timeline.failures))
    svg = _bars(timeline.bins, zone, _STACKED_COUNTS, *series)
    return _figure("retries", "Retries and pauses", words, svg)


def _figure(key: str, title: str, caption: str, svg: str | None) -> Figure | None:
    return None if svg is None else Figure(key, title, caption, svg)


def _line(bins: Sequence[Bin], zone: tzinfo, axis: _Axis, *series: _Series) -> str | None:
    """Lines that go on across bins without a number."""
    return _draw(_pygal().Line, bins, zone, axis, series, dots_size=1.6)


def _bars(bins: Sequence[Bin], zone: tzinfo, axis: _Axis, *series: _Series) -> str | None:
    return _draw(_pygal().StackedBar, bins, zone, axis, series)


def _pygal() -> Any:
    """Import pygal and remove the module finder that it installs, about which Python warns."""
    import pygal  # noqa: PLC0415 - an extra

    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__module__ != pygal.__name__]
    return pygal


def _draw(
    kind: type[Graph],
    bins: Sequence[Bin],
    zone: tzinfo,
    axis: _Axis,
    series: Sequence[_Series],
    **more: Any,
) -> str | None:
    """The plot as SVG; None if it is empty."""
    if all(one.empty for one in series):
        return None
    labels = _labels(bins, zone)
    ticks = _ticks(_top(axis, series), axis.units, least=axis.least)
    chart = kind(
        width=_WIDTH,
        height=_HEIGHT,
        js=[],
        style=_style(),
        margin=4,
        range=(0, ticks[-1]),
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(series),
        legend_box_size=10,
        show_minor_x_labels=False,
        x_labels_major=[label for label in labels if label],
        truncate_label=-1,
        include_x_axis=True,
        disable_xml_declaration=True,
        value_formatter=lambda value: "" if value is None else axis.words(value),
        **more,
    )
    chart.x_labels = [label or " " for label in labels]
    chart.y_labels = ticks
    for one in series:
        chart.add(one.name, list(one.values))
    chart.add_xml_filter(_clean_up)
    return str(chart.render(is_unicode=True))


def _top(axis: _Axis, series: Sequence[_Series]) -> float:
    """The highest value that is drawn."""
    columns = zip(*(one.values for one in series), strict=True)
    measure = sum if axis.stacked else max
    return max(measure([value or 0 for value in column]) for column in columns)


def _ticks(top: float, units: Sequence[float], *, least: float = 0.0) -> list[float]:
    """About four round values from 0 to at least the top, in the largest unit that fits."""
    unit = max((one for one in units if one <= top), default=units[0])
    about = max(top / unit / _TICKS, 1e-9)
    power = max(10.0 ** math.floor(math.log10(about)), least)
    step = next(one for one in (power, 2 * power, 5 * power, 10 * power) if one >= about) * unit
    return [number * step for number in range(math.ceil(top / step) + 1)]


def _style() -> Any:
    """The font sizes with which pygal computes its layout; the page's CSS has the same ones."""
    from pygal.style import Style  # noqa: PLC0415 - an extra

    return Style(label_font_size=13, major_label_font_size=13, legend_font_size=13)


def _labels(bins: Sequence[Bin], zone: tzinfo) -> list[str]:
    """The labels of the bins: the time for some of them, empty for the others.

    If there are several days, a label on another day than the one before it names the day.
    """
    real = [number for number, one in enumerate(bins) if not one.silence]
    seconds = bins[real[0]].end - bins[real[0]].start < _MINUTE_S
    clock = "%H:%M:%S" if seconds else "%H:%M"
    first, last = (datetime.fromtimestamp(bins[number].start, zone) for number in (0, -1))
    day = first.date() if first.date() == last.date() else None
    every = -(-len(real) // _LABELS)
    labels = [""] * len(bins)
    for number in real[::every]:
        moment = datetime.fromtimestamp(bins[number].start, zone)
        form = clock if moment.date() == day else f"%d %b {clock}"
        labels[number] = moment.strftime(form)
        day = moment.date()
    return labels


# ── cleaning up after pygal ─────────────────────────────────────────────────────────────────


def _clean_up(root: ET.Element) -> ET.Element:
    """Remove styles, scripts, comments, ids and tooltip elements from the drawing."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_removed(child):
                parent.remove(child)
        parent.attrib.pop("id", None)
        parent.attrib.pop("style", None)
        _add_title(parent)
    root.set("aria-hidden", "true")
    return root


def _is_removed(element: ET.Element) -> bool:
    tag = _tag(element)
    overlay = element.get("class", "").endswith(("tooltip-overlay", "text-overlay"))
    return overlay or tag in {"", "defs", "script", "style", "title"}


def _tag(element: ET.Element) -> str:
    """The name of an element; empty for a comment."""
    return str(element.tag).removeprefix(_SVG) if isinstance(element.tag, str) else ""


def _add_title(element: ET.Element) -> None:
    """Turn pygal's hidden descriptions of a point into a title, which browsers show."""
    words: dict[str, str] = {}
    for child in list(element):
        if _tag(child) == "desc":
            words[child.get("class", "")] = child.text or ""
            element.remove(child)
    if words.get("value"):
        title = ET.SubElement(element, "title")
        title.text = " ".join(filter(str.strip, (words.get("x_label", ""), words["value"])))
