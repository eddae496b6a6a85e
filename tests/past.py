#!/usr/bin/env python3
"""Writes an invented day of one link into the series.db of a running demo, so that tests/screenshots has a smoke plot to show.

usage: tests/past.py FOLDER/state/series.db LINK        (the format: src/ledger/rollup.rs, src/window/buckets.rs)
"""

import datetime
import math
import random
import sqlite3
import sys
import zoneinfo

ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
SLICES = 288


def packed(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def bucket(nanos):
    shift = nanos.bit_length() - 1 - 5
    return (shift + 1) * 32 + (nanos >> shift) - 32


def record(number, kind, payload):
    return packed(number) + bytes([kind]) + packed(len(payload)) + payload


def part_of_day(number, dice):
    """One slice of five minutes: busier by day, a lossy hour in the evening, a cut of eleven minutes, two hours of jitter."""
    hour = number / 12
    middle = 6e6 + 2.5e6 * max(0.0, math.sin((hour - 7) / 12 * math.pi))
    spread = 0.05 + (0.05 if 8 < hour < 19 else 0) + (0.5 if 13 < hour < 15 else 0)
    share = 0.0004 if 9 < hour < 18 else 0.0
    share = 0.03 if 20 < hour < 21 else share
    down = 300_000 if number in (40, 41) else 60_000 if number == 42 else 0
    asked = 300 * (300_000 - down) // 300_000
    lost = sum(dice.random() < share for _ in range(asked))
    counts = {}
    for _ in range(asked - lost):
        found = bucket(int(middle * (1 + abs(dice.gauss(0, spread)))))
        counts[found] = counts.get(found, 0) + 1
    histogram, last = packed(len(counts)), 0
    for found in sorted(counts):
        histogram += packed(found - last) + packed(counts[found])
        last = found
    figures = [asked - lost, lost, 0, 0, 300 - asked, 0, 0, 0, 0, 300_000]
    degraded = 300_000 - down if share > 0.01 else 0
    millis = [300_000 - down - degraded, degraded, down, 0]
    return record(number, 0, b"".join(map(packed, figures)) + histogram) + record(number, 1, b"".join(map(packed, millis)))


def main():
    file, link = sys.argv[1:]
    now, dice = datetime.datetime.now(ZONE), random.Random(412)
    base = sqlite3.connect(file, timeout=30)
    for back in (1, 0):
        day = (now - datetime.timedelta(days=back)).date()
        known = SLICES if back else (now.hour * 60 + now.minute) // 5
        cells = bytes([1, 1]) + b"".join(part_of_day(number, dice) for number in range(known))
        base.execute("INSERT OR REPLACE INTO rollup (link, role, vantage, day, cells) VALUES (?, 'far', 'local', ?, ?)", (link, day.isoformat(), cells))
    base.commit()


main()
