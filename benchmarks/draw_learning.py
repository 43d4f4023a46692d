"""Draws the table of learning.py: what each way solves by the first and by the third turn, three seeds together.
Usage: python3 benchmarks/draw_learning.py learning.csv learning.svg"""
import csv
import pathlib
import re
import sys

WIDTH, LEFT, RIGHT, TOP, ROW = 720, 290, 30, 58, 40
FIRST, LAST, CONTROL = "#c9b48a", "#3b7dd8", "#9aa5b1"
SHARE = re.compile(r"(-?[\d.]+)% \[(-?[\d.]+), (-?[\d.]+)\]")
SHOWN = {
    "silent": "told only that it failed",
    "random": "another problem's feedback",
    "independent": "three answers, none of them read",
}


def name(row):
    """What a reader is told of a row, and whether it is a control that was trained otherwise than it is shown."""
    words, _, shown = row["policy"].partition(", shown ")
    return (f"… {SHOWN[shown]}", True) if shown else (words, False)


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    height = TOP + ROW * len(rows) + 34

    def x(percent):
        return LEFT + (WIDTH - LEFT - RIGHT) * percent / 100

    def bar(top, share, colour, thick):
        middle, low, high = (float(value) for value in SHARE.match(share).groups())
        across = top + thick / 2
        return [
            f'<rect x="{LEFT}" y="{top:.1f}" width="{x(middle) - LEFT:.1f}" height="{thick}" fill="{colour}"/>',
            f'<path d="M{x(low):.1f} {across:.1f}H{x(high):.1f}" stroke="#222" stroke-width="1.2"/>',
            f'<text x="{x(high) + 6:.1f}" y="{across + 4:.1f}" font-size="11">{middle:.1f}%</text>',
        ]

    bottom = TOP + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="#ffffff"/>',
        '<text x="16" y="24" font-weight="600">contest:test solved, 95% intervals by composition, three seeds</text>',
        f'<rect x="{LEFT}" y="34" width="12" height="10" fill="{FIRST}"/><text x="{LEFT + 18}" y="43" font-size="12">by the first turn</text>',
        f'<rect x="{LEFT + 140}" y="34" width="12" height="10" fill="{LAST}"/>'
        f'<text x="{LEFT + 158}" y="43" font-size="12">by the third (grey: a control)</text>',
    ]
    for percent in range(0, 101, 20):
        parts.append(f'<path d="M{x(percent):.1f} {TOP - 6}V{bottom}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{x(percent):.1f}" y="{bottom + 18}" text-anchor="middle" font-size="12">{percent}%</text>')
    for number, row in enumerate(rows):
        top = TOP + ROW * number
        words, control = name(row)
        parts.append(f'<text x="{LEFT - 10}" y="{top + 19}" text-anchor="end">{words}</text>')
        parts += bar(top + 2, row["by turn 1"], FIRST, 11)
        parts += bar(top + 15, row["by turn 3"], CONTROL if control else LAST, 15)
    parts.append(f'<path d="M{LEFT} {TOP - 6}V{bottom}" stroke="#333"/></svg>')
    target.write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
