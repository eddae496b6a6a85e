#!/usr/bin/env python3
"""Writes the synthetic inventory of inventories/xuchang: units.yaml, segments.yaml and links.csv.

Usage: make_inventory.py FOLDER

Everything but the counts is invented and looks it: 154 dark fibre (an inference), 124 internet and 1353 private lines of
35 units. The same bytes come out on every run; a test holds the shipped files to it.
"""

import csv
import pathlib
import random
import sys

COUNTS = {"dark_fibre": 154, "internet": 124, "private": 1353}
CARRIERS = [("carrier-a", "A", 40), ("carrier-b", "B", 30), ("carrier-c", "C", 20), ("carrier-d", "D", 10)]
LIFELINES = {1: "120 急救", 2: "119 消防", 3: "110 报警"}
UNITS = 35
# Ducts leave the hub on two sides, so that both members of a redundant pair need not burn in one.
DUCTS_A_SIDE = 20
POPS_A_SIDE = 6
BANDWIDTHS = {
    "dark_fibre": [("1G", 5), ("10G", 5)],
    "internet": [("100M", 3), ("200M", 3), ("500M", 2), ("1G", 2)],
    "private": [("10M", 2), ("50M", 3), ("100M", 4), ("1G", 1)],
}
HUB = "示例枢纽机房"
COLUMNS = [
    "id", "cid", "kind", "carrier", "unit", "a_end", "z_end", "bandwidth", "priority", "status", "install_date",
    "group", "segments", "near_address", "carrier_gateway_address", "far_address", "public_address", "responder",
]


def pick(dice, weighted):
    """One value of [(value, weight)]. Uses random() alone, whose sequence never changes between Python versions."""
    at = dice.random() * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        at -= weight
        if at < 0:
            return value
    return weighted[-1][0]


def sizes(dice, count, total):
    """`count` sizes of 12 to 58 that add up to `total`."""
    found = [12 + int(dice.random() * 47) for _ in range(count)]
    at = 0
    while sum(found) != total:
        step = 1 if sum(found) < total else -1
        if 12 <= found[at] + step <= 58:
            found[at] += step
        at = (at + 1) % count
    return found


def links(dice):
    rows = []
    for kind, count in COUNTS.items():
        for _ in range(count):
            unit = 1 + int(dice.random() ** 1.3 * UNITS)
            rows.append({"kind": kind, "unit": unit, "carrier": pick(dice, [(carrier, carrier[2]) for carrier in CARRIERS])})
    through_ducts(dice, rows)
    in_pairs(rows)
    circuits = dict.fromkeys((carrier for carrier, _, _ in CARRIERS), 0)
    for number, row in enumerate(rows, start=1):
        carrier, letter, _ = row.pop("carrier")
        unit, kind, ipv6 = row["unit"], row["kind"], number % 10 == 7
        circuits[carrier] += 1
        lifeline = unit in LIFELINES
        row.update(
            id=f"LL-{number:04}",
            cid=f"{letter}-SL-{circuits[carrier]:05}",
            carrier=carrier,
            unit=f"U{unit:02}",
            a_end=HUB,
            z_end=f"示例单位{unit:02} {1 + number % 4} 号机房",
            bandwidth=pick(dice, BANDWIDTHS[kind]),
            priority="lifeline" if lifeline else "important" if unit <= 12 else "normal",
            status="active",
            install_date=f"2025-{1 + number % 6:02}-{1 + number % 28:02}",
        )
        if kind != "dark_fibre":
            row["segments"] += f" pe-{letter.lower()}{1 + unit % 2}"
        row.update(points(number, kind, lifeline, ipv6))
    return rows


def points(number, kind, lifeline, ipv6):
    """Addresses of a link, all of one family."""

    def address(block):
        if ipv6:
            return f"2001:2:0:{block:x}::{number:x}"
        return f"198.{18 + block // 4}.{block % 4 * 64 + number // 250}.{1 + number % 250}"

    far, near, gateway, public = 0, 1, 2, 4
    if kind == "dark_fibre":
        return {"near_address": address(near), "far_address": address(far), "responder": "router_control_plane"}
    if kind == "internet":
        # Eight sites that are known to answer, probed through every line.
        site = 1 + number % 8
        site = f"2001:2:0:{public:x}::{site:x}" if ipv6 else f"198.19.255.{site}"
        return {"carrier_gateway_address": address(gateway), "public_address": site}
    return {"far_address": address(far)} | ({"near_address": address(near)} if lifeline else {})


def through_ducts(dice, rows):
    """Fills the ducts of each side in the order of units, so that a duct serves neighbours."""
    for side in range(2):
        members = [row for at, row in enumerate(rows) if at % 2 == side]
        members.sort(key=lambda row: row["unit"])
        ducts = []
        for at, size in enumerate(sizes(dice, DUCTS_A_SIDE, len(members))):
            ducts += [side * DUCTS_A_SIDE + at + 1] * size
        for row, duct in zip(members, ducts):
            pop = side * POPS_A_SIDE + (duct - 1) % DUCTS_A_SIDE * POPS_A_SIDE // DUCTS_A_SIDE + 1
            row["segments"] = f"duct-{duct:03} pop-{pop:02}"


def in_pairs(rows):
    """Pairs lines of one unit that share neither carrier nor duct; units 1 to 12 get six pairs each, the others two."""
    number = 0
    for unit in range(1, UNITS + 1):
        free = [row for row in rows if row["unit"] == unit]
        for _ in range(6 if unit <= 12 else 2):
            pair = next(
                (
                    (one, other)
                    for at, one in enumerate(free)
                    for other in free[at + 1 :]
                    if one["kind"] == other["kind"]
                    and one["carrier"] != other["carrier"]
                    and one["segments"] != other["segments"]
                ),
                None,
            )
            if pair is None:
                break
            number += 1
            for row in pair:
                row["group"] = f"RG-{number:03}"
                free.remove(row)


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = links(random.Random(1631))
    with open(folder / "links.csv", "w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)

    note = "# Written by tests/make_inventory.py. Every name is invented.\n"
    names = {unit: f"示例单位{unit:02}" + (f"（{LIFELINES[unit]}）" if unit in LIFELINES else "") for unit in range(1, UNITS + 1)}
    text = "".join(f"  - {{id: U{unit:02}, name: {name}}}\n" for unit, name in names.items())
    (folder / "units.yaml").write_text(note + "units:\n" + text, encoding="utf-8")

    segments = [(f"pop-{at:02}", "pop", f"示例汇聚点 {at:02}") for at in range(1, 2 * POPS_A_SIDE + 1)]
    segments += [(f"duct-{at:03}", "duct", f"示例管道 {at:03}") for at in range(1, 2 * DUCTS_A_SIDE + 1)]
    segments += [(f"pe-{letter.lower()}{at}", "provider_edge", f"{letter} 网边缘 {at}") for _, letter, _ in CARRIERS for at in (1, 2)]
    text = "".join(f"  - {{id: {id}, kind: {kind}, name: {name}}}\n" for id, kind, name in segments)
    (folder / "segments.yaml").write_text(note + "segments:\n" + text, encoding="utf-8")


if __name__ == "__main__":
    main()
