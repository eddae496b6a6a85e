"""Reads every dashboard into the official schema's types and writes it again: what is lost is not in the schema.

usage: tests/grafana_schema.py FOLDER...        wants PyPI grafana-foundation-sdk
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


# What Grafana's Prometheus data source reads of an annotation; the schema of dashboards knows no data source's own keys.
OF_PROMETHEUS = {f".annotations.list[{place}].{key}" for place in (0, 1) for key in ("textFormat", "titleFormat")}


def lost(before, after, place):
    """Where `after` lacks or changes what `before` has."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                # The encoder leaves out what is null, which is what null says.
                if value is not None:
                    yield f"{place}.{key}"
            else:
                yield from lost(value, after[key], f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{place}[{number}]")
    elif before != after:
        yield f"{place}: {json.dumps(before)} became {json.dumps(after)}"


def main(folders):
    register_default_plugins()
    files = sorted(file for folder in folders for file in Path(folder).glob("*.json"))
    findings = []
    for file in files:
        before = json.loads(file.read_text(encoding="utf-8"))
        after = json.loads(JSONEncoder().encode(Dashboard.from_json(before)))
        findings += [f"{file}: {finding}" for finding in lost(before, after, "") if finding not in OF_PROMETHEUS]
    print("\n".join(findings + [f"{len(files)} dashboards, {len(findings)} losses"]))
    return bool(findings) or not files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
