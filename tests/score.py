#!/usr/bin/env python3
"""Scores a demo from its files alone: score.py FOLDER, or score.py TRUTH VERDICTS. Prints the score as JSON.

Shares no code with the product; src/demo/score.rs and service_score.rs say what counts. Exit 0 when the truth matches, 1 when not.
"""
import json
import sys
from pathlib import Path

SURE, APART = 3_000, 10_000  # milliseconds
SERVICE_SURE, LATE = 6_000, 3_000


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


def service_score(truth, verdicts):
    end = next((line["at"] for line in truth if line["event"] == "end"), float("inf"))
    mended = {line["number"]: line["at"] for line in truth if line["event"] == "service_mend"}
    faults = [
        [line["number"], service, line["reason"], line["at"], min(mended.get(line["number"], end), end), False]
        for line in truth if line["event"] == "service_fault" for service in line["services"]
    ]
    wrong = 0
    for line in verdicts:
        if line["event"] != "service" or not line["reason"]:
            continue
        held = [
            fault for fault in faults
            if fault[1:3] == [line["service"], line["reason"]] and fault[3] <= line["at"] <= fault[4] + LATE
        ]
        wrong += not held
        for fault in held:
            fault[5] = True
    scored = [fault for fault in faults if fault[4] - fault[3] >= SERVICE_SURE]
    return {
        "services": sum(len(line["services"]) for line in truth if line["event"] == "services"),
        "service_faults": len({fault[0] for fault in scored}),
        "missed_service_faults": len({fault[0] for fault in scored if not fault[5]}),
        "false_service_faults": wrong,
    }


if __name__ == "__main__":
    files = sys.argv[1:]
    if len(files) == 1:
        files = [Path(files[0]) / "truth.jsonl", Path(files[0]) / "verdicts.jsonl"]
    files = [lines(file) for file in files]
    result = score(*files) | service_score(*files)
    print(json.dumps(result))
    bad = ["missed_cuts", "false_alarms", "missed_service_faults", "false_service_faults"]
    sys.exit(0 if all(result[key] == 0 for key in bad) else 1)
