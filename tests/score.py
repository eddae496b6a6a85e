#!/usr/bin/env python3
"""Scores a demo from its files alone: score.py FOLDER, or score.py TRUTH VERDICTS. Prints the score as JSON.

Shares no code with the product; src/demo/score.rs says what counts. Exit 0 when the truth matches, 1 when not.
"""
import json
import sys
from pathlib import Path

SURE, APART = 3_000, 10_000  # milliseconds


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def outages(truth):
    """Each outage: (link, first cut's start, last cut's end, [(number, start) of every scored cut])."""
    end = next((line["at"] for line in truth if line["event"] == "end"), float("inf"))
    mended = {line["cut"]: line["at"] for line in truth if line["event"] == "mend"}
    cuts = sorted(
        (link, line["at"], min(mended.get(line["cut"], end), end), line["cut"])
        for line in truth if line["event"] == "cut" for link in line["links"]
    )
    merged = []
    for link, start, stop, number in cuts:
        scored = [(number, start)] if stop - start >= SURE else []
        if merged and merged[-1][0] == link and start < merged[-1][2] + APART:
            merged[-1][2] = max(merged[-1][2], stop)
            merged[-1][3] += scored
        else:
            merged.append([link, start, stop, scored])
    return merged


def score(truth, verdicts):
    real = outages(truth)
    alarms = sorted((line["at"], link) for line in verdicts if line["event"] == "incident" for link in line["links"])
    covers = lambda outage, at, link: outage[0] == link and outage[1] <= at <= outage[2] + SURE
    unsure = lambda at: any(outage[0] == "@vantage" and outage[1] <= at <= outage[1] + SURE for outage in real)
    missed, delays = {}, []
    for outage in real:
        noticed = next((at for at, link in alarms if covers(outage, at, link)), None)
        for number, _ in outage[3]:
            missed[number] = missed.get(number, False) or noticed is None
        if outage[3] and noticed is not None:
            delays.append(max(0, noticed - outage[3][0][1]) / 1e3)
    delays.sort()
    return {
        "cuts": len(missed),
        "missed_cuts": sum(missed.values()),
        "false_alarms": sum(
            not unsure(at) and not any(covers(outage, at, link) for outage in real) for at, link in alarms
        ),
        "detection_seconds": {
            "p50": delays[len(delays) // 2] if delays else None,
            "max": delays[-1] if delays else None,
        },
    }


if __name__ == "__main__":
    files = sys.argv[1:]
    if len(files) == 1:
        files = [Path(files[0]) / "truth.jsonl", Path(files[0]) / "verdicts.jsonl"]
    result = score(*map(lines, files))
    print(json.dumps(result))
    sys.exit(0 if result["missed_cuts"] == result["false_alarms"] == 0 else 1)
