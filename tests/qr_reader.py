#!/usr/bin/env python3
"""Reads the QR code that stands as half blocks in a text, as a camera would: drawn dark on white, and given to ZBar.

usage: qr_reader.py FILE     prints what it says
"""
import sys

import zbar

CELL = 4                                     # pixels of a module
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def main():
    with open(sys.argv[1], encoding="utf-8") as text:
        lines = [line.rstrip("\n") for line in text]
    lines = [line for line in lines if set(line) <= set(HALVES) and line.strip()]
    if not lines:
        sys.exit("there is no QR code")
    width = max(map(len, lines)) + 8
    rows = []
    for line in lines:
        halves = [HALVES[c] for c in line.ljust(width)]
        rows += [[h[0] for h in halves], [h[1] for h in halves]]
    rows = [[0] * width] * 4 + rows + [[0] * width] * 4
    pixels = b"".join(bytes(255 * (1 - dark) for dark in row for _ in range(CELL)) * CELL for row in rows)
    image = zbar.Image(width * CELL, len(rows) * CELL, "Y800", pixels)
    if zbar.ImageScanner().scan(image) != 1:
        sys.exit("no QR code is seen")
    print(next(iter(image)).data)


if __name__ == "__main__":
    main()
