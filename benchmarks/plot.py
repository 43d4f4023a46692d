"""Panels of lines as one SVG: a line a series, a bar an interval, names beside the panel that they belong to."""

import math

COLOURS = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910", "#444444"]
PANEL, TOP, HEIGHT, LEFT, WIDE, NAMES = 330, 58, 210, 70, 400, 250


def steps(low, high):
    """Round numbers between two."""
    raw = (high - low) / 5 or 1.0
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if raw <= power * m)
    first = math.ceil(low / step - 1e-9)
    return [round(step * n, 10) for n in range(first, int(math.floor(high / step + 1e-9)) + 1)]


def text(x, y, words, more=""):
    words = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'


def finite(value):
    return value == value and abs(value) != math.inf


def panel(top, heading, x_name, y_name, series, log):
    """One panel: `series` are (name, [(x, y, low, high)]); with `log` the x axis is logarithmic and marked at its points."""
    points = [p for _, line in series for p in line]
    place = math.log if log else float
    values = [v for p in points for v in p[1:] if finite(v)]
    xs = [place(p[0]) for p in points]
    left, right, low, high = min(xs), max(xs), min(values), max(values)
    pad = 0.06 * ((high - low) or 0.1)
    low, high, wide = low - pad, high + pad, (right - left) or 1.0
    x = lambda value: LEFT + 12 + (WIDE - 24) * (place(value) - left) / wide
    y = lambda value: top + HEIGHT - HEIGHT * (value - low) / (high - low)
    parts = [text(LEFT, top - 12, heading, 'font-weight="600"')]
    for value in steps(low, high):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{LEFT + WIDE}" stroke="#e3e6ea"/>')
        parts.append(text(LEFT - 8, y(value) + 4, f"{value:g}", 'text-anchor="end"'))
    for value in sorted({p[0] for p in points}) if log else steps(left, right):
        parts.append(f'<path d="M{x(value):.1f} {top + HEIGHT}v5" stroke="#333"/>')
        parts.append(text(x(value), top + HEIGHT + 20, f"{value:g}", 'text-anchor="middle"'))
    parts.append(f'<path d="M{LEFT} {top}V{top + HEIGHT}H{LEFT + WIDE}" fill="none" stroke="#333"/>')
    parts.append(text(LEFT + WIDE / 2, top + HEIGHT + 42, x_name, 'text-anchor="middle"'))
    parts.append(text(0, 0, y_name, f'transform="translate(20 {top + HEIGHT / 2:.0f}) rotate(-90)" text-anchor="middle"'))
    shift = lambda number: 2.5 * (number - (len(series) - 1) / 2)
    for number, (name, line) in enumerate(series):
        colour, beside = COLOURS[number % len(COLOURS)], shift(number)
        way = " ".join(f"{x(p[0]) + beside:.1f},{y(p[1]):.1f}" for p in line)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for p in line:
            across = x(p[0]) + beside
            if finite(p[2]) and finite(p[3]):
                parts.append(f'<path d="M{across:.1f} {y(p[2]):.1f}V{y(p[3]):.1f}" stroke="{colour}" opacity="0.55"/>')
            parts.append(f'<circle cx="{across:.1f}" cy="{y(p[1]):.1f}" r="3" fill="{colour}"/>')
        down = top + 14 + 20 * number
        parts.append(f'<path d="M{LEFT + WIDE + 16} {down - 4}h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(text(LEFT + WIDE + 40, down, name))
    return parts


def plot(path, title, panels, log=False):
    """Draws panels below each other: (heading, name of x, name of y, series)."""
    width, height = LEFT + WIDE + NAMES, TOP + PANEL * len(panels) - 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
             f'<rect width="{width}" height="{height}" fill="white"/>', text(16, 24, title, 'font-size="15" font-weight="600"')]
    for number, (heading, x_name, y_name, series) in enumerate(panels):
        parts += panel(TOP + PANEL * number, heading, x_name, y_name, series, log)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def bars(path, title, y_name, rows):
    """A bar a row, lying: (name, value, low, high)."""
    low, high = min(0.0, *(r[2] for r in rows)), max(0.0, *(r[3] for r in rows))
    pad = 0.05 * (high - low)
    low, high = low - pad, high + pad
    left, wide, height = 230, 440, 80 + 34 * len(rows)
    x = lambda value: left + wide * (value - low) / (high - low)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" '
             'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
             f'<rect width="720" height="{height}" fill="white"/>', text(16, 24, title, 'font-size="15" font-weight="600"')]
    bottom = 42 + 34 * len(rows)
    for value in steps(low, high):
        parts.append(f'<path d="M{x(value):.1f} 40V{bottom}" stroke="#e3e6ea"/>')
        parts.append(text(x(value), bottom + 16, f"{value:g}", 'text-anchor="middle"'))
    parts.append(text(left + wide / 2, bottom + 33, y_name, 'text-anchor="middle"'))
    for number, (name, value, least, most) in enumerate(rows):
        top, colour = 46 + 34 * number, COLOURS[number % len(COLOURS)]
        start, end = sorted([x(0.0), x(value)])
        parts.append(f'<rect x="{start:.1f}" y="{top}" width="{max(end - start, 1):.1f}" height="20" fill="{colour}" opacity="0.75"/>')
        parts.append(f'<path d="M{x(least):.1f} {top + 10}H{x(most):.1f}M{x(least):.1f} {top + 5}v10M{x(most):.1f} {top + 5}v10" stroke="#111"/>')
        parts.append(text(left - 10, top + 15, name, 'text-anchor="end"'))
    parts.append(f'<path d="M{x(0.0):.1f} 40V{bottom}" stroke="#333"/>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")
