"""Words and lines for the panel; knows nothing of Blender."""

import time
from collections.abc import Callable


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Return the text as lines that are not wider than `width`.

    Words stay whole unless one is wider than a line, as paths are.

    Args:
        text: Line breaks in it are kept.
        width: In the unit of `measure`.
        measure: Width of a piece of text.
    """
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line = longer
                continue
            lines += [line] if line else []
            *whole, line = _pieces(word, width, measure)
            lines += whole
        lines.append(line)
    return lines


def _pieces(word: str, width: float, measure: Callable[[str], float]) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and measure(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def clock(seconds: float) -> str:
    """Return a time as it stands on a stopwatch: `0:07`, `12:30`."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def about(seconds: float) -> str:
    """Return a time that is only estimated: `about 2 min left`."""
    if seconds < 10:
        return "almost done"
    if seconds < 55:
        return f"about {10 * round(seconds / 10)} s left"
    return f"about {round(seconds / 60)} min left"


def day(created: float, now: float) -> str:
    """Return when something was made, as short as it can be: `14:05`, `3 Mar`, `3 Mar 2026`.

    Args:
        created: Seconds since 1970.
        now: Likewise.
    """
    then, today = time.localtime(created), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    date = f"{then.tm_mday} {time.strftime('%b', then)}"
    return date if then.tm_year == today.tm_year else f"{date} {then.tm_year}"


def count(number: int, noun: str) -> str:
    """Return `1 photo`, `4 photos`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
