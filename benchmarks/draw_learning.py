"""Draws the table of learning.md: what three seeds solve within three turns, with their intervals.
Usage: python3 benchmarks/draw_learning.py benchmarks/results/2026-11-28-xeon-2core/learning.md"""
import pathlib
import re
import sys

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 330, 50, 40, 60
# Name, policy, feedback, column of the table, and colour.
BARS = [
    ("starter", "starter", "real", 5, "#9aa5b1"),
    ("one answer", "trained", "real", 3, "#c9b48a"),
    ("told only that it failed", "trained", "silent", 5, "#e0a458"),
    ("another problem's feedback", "trained", "random", 5, "#d98b6a"),
    ("feedback", "trained", "real", 5, "#3b7dd8"),
]


def cells(path):
    """(seed, policy, feedback) → the columns of its row."""
    rows = [line.strip("| \n").split(" | ") for line in path.read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    return {tuple(row[:3]): row for row in rows if len(row) >= 7}


def main():
    source = pathlib.Path(sys.argv[1])
    table = cells(source)
    seeds = sorted({key[0] for key in table})
    height = HEIGHT - TOP - BOTTOM

    def y(percent):
        return TOP + height * (1 - percent / 100)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-weight="600">contest:test, solved within three answers, 95% intervals</text>',
    ]
    for percent in range(0, 101, 20):
        parts.append(f'<path d="M{LEFT} {y(percent):.1f}H{WIDTH - 15}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(percent) + 4:.1f}" text-anchor="end">{percent}%</text>')
    group = (WIDTH - LEFT - 15) / len(seeds)
    for place, seed in enumerate(seeds):
        for index, (_, policy, feedback, column, colour) in enumerate(BARS):
            value, low, high = map(float, re.findall(r"[\d.]+", table[seed, policy, feedback][column]))
            x = LEFT + place * group + 22 + index * 33
            parts.append(f'<rect x="{x:.1f}" y="{y(value):.1f}" width="27" height="{y(0) - y(value):.1f}" fill="{colour}"/>')
            middle = x + 13.5
            parts.append(f'<path d="M{middle:.1f} {y(high):.1f}V{y(low):.1f}" stroke="#222"/>')
            parts.append(f'<text x="{middle:.1f}" y="{y(high) - 5:.1f}" text-anchor="middle" font-size="11">{value:.0f}</text>')
        parts.append(f'<text x="{LEFT + place * group + group / 2 - 6:.1f}" y="{y(0) + 18:.1f}" text-anchor="middle">seed {seed}</text>')
    x = LEFT
    for name, _, _, _, colour in BARS:
        parts.append(f'<rect x="{x}" y="{HEIGHT - 24}" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16}" y="{HEIGHT - 14}" font-size="12">{name}</text>')
        x += 34 + 6.6 * len(name)
    source.with_suffix(".svg").write_text("\n".join([*parts, "</svg>"]) + "\n")


main()
