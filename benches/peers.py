#!/usr/bin/env python3
"""linkpatrol and its peers on the same 1631 loopback targets, one probe a second each, in turns.

Started by `benches/run`, inside a network namespace of its own. Every round runs every tool alone: it starts, warms up,
and is then measured over a window, scraped every 15 s as Prometheus would. CPU is user plus system time of all its
processes, from /proc/<pid>/stat. Standard library only.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = [f"127.1.{1 + i // 250}.{1 + i % 250}" for i in range(1631)]
TICKS = os.sysconf("SC_CLK_TCK")
SCRAPE_EVERY = 15.0
CITIES = [("idle", False), ("every core busy with other work", True)]
#: Long enough for 100 000 probes against the tap.
CITY = ["--time-limit", "75s", "--summary", "json"]
MARKS = ("<!-- benches/run writes from here -->", "<!-- to here -->")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def cpu_seconds(pids):
    """User plus system time of these processes, all threads."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_bytes(pids):
    return sum(
        1024 * int(line.split()[1])
        for pid in pids
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )


def get(url, timeout=120):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def total(text, name, want=""):
    """Sum of all samples of one family whose labels contain `want`."""
    pattern = re.compile(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)", re.M)
    return sum(float(value) for labels, value in pattern.findall(text) if want in labels)


def histograms(text, name, label):
    """Sum and count of each histogram of a family, by one of its labels."""
    pattern = re.compile(rf'^{name}_(sum|count)\{{[^}}]*\b{label}="([^"]*)"[^}}]*\}} (\S+)', re.M)
    found = {}
    for part, key, value in pattern.findall(text):
        found.setdefault(key, {})[part] = float(value)
    return {key: (parts["sum"], int(parts["count"])) for key, parts in found.items()}


class Tool:
    """A program under measurement. Subclasses say how it starts and what it has counted."""

    name = ""
    program = ""
    #: Address of its metrics, scraped during the window; None: it has none.
    metrics = None
    #: Whether the cost of one scrape is measured.
    scrapes = False

    def __init__(self, folder):
        self.folder = folder
        self.processes = []

    def start(self):
        raise NotImplementedError

    def ready(self):
        """Whether it probes and serves."""
        try:
            return bool(get(self.metrics))
        except OSError:
            return False

    def counts(self):
        """Probes answered, and probes that ended, since its start."""
        raise NotImplementedError

    def stages(self):
        """CPU seconds by stage since the start, where the tool says so itself."""
        return {}

    def round_trips(self):
        """Sum of all RTTs in seconds, and how many, by address, since its start."""
        raise NotImplementedError

    def spawn(self, *words):
        log = open(self.folder / f"{Path(words[0]).name}.log", "ab")
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)

    def pids(self):
        for process in self.processes:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {process.returncode}; see {self.folder}")
        return [process.pid for process in self.processes]

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []


class Linkpatrol(Tool):
    name = "linkpatrol"
    scrapes = True
    targets = TARGETS
    more_points = ()
    program = os.environ.get("LINKPATROL_BINARY", str(ROOT / "target/release/linkpatrol"))

    def start(self):
        port = free_port()
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        config = write_inventory(self.folder, port, self.targets, self.more_points)
        self.spawn(self.program, "serve", "--config.file", str(config))

    def counts(self):
        # The picture that /metrics shows is a second old at most: wait for a new one, so that the count is of now.
        before = self.picture()
        while (now := self.picture()) == before:
            time.sleep(0.02)
        return now

    def picture(self):
        text = get(self.metrics)
        answered = total(text, "linkpatrol_link_probes_total", 'outcome="answered"')
        return answered, answered + total(text, "linkpatrol_link_probes_total", 'outcome="lost"')

    def round_trips(self):
        by_link = histograms(get(self.metrics), "linkpatrol_link_rtt_seconds", "link")
        return {self.targets[int(link.removeprefix("LL-")) - 1]: sums for link, sums in by_link.items()}

    def stages(self):
        pattern = r'^linkpatrol_cpu_seconds_total\{stage="(\w+)"\} (\S+)'
        stages = {stage: float(seconds) for stage, seconds in re.findall(pattern, get(self.metrics), re.M)}
        # API, store and channels, and the start.
        stages["the rest"] = max(cpu_seconds(self.pids()) - sum(stages.values()), 0)
        return stages


class Fping(Tool):
    """Prints a line for every answer, as its users run it; the lines go to /dev/null."""

    name = "fping -l -p 1000 -i 0.6"
    program = "fping"
    output = subprocess.DEVNULL

    def start(self):
        targets = self.folder / "targets"
        targets.write_text("\n".join(TARGETS) + "\n")
        self.summary = self.folder / "fping.summary"
        self.seen = (0, 0)
        process = subprocess.Popen(
            [self.program, "-l", "-p", "1000", "-i", "0.6", "-f", str(targets)],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=open(self.summary, "wb"),
        )
        self.processes.append(process)

    def ready(self):
        return True

    def counts(self):
        # SIGQUIT prints a summary of every target since the last one, and probing goes on.
        before = self.summary.stat().st_size
        self.processes[0].send_signal(signal.SIGQUIT)
        time.sleep(0.5)
        text = self.summary.read_bytes()[before:].decode()
        rows = re.findall(r"xmt/rcv/\S+ = (\d+)/(\d+)", text)
        answered, sent = sum(int(received) for _, received in rows), sum(int(sent) for sent, _ in rows)
        self.seen = (self.seen[0] + answered, self.seen[1] + sent)
        return self.seen

    def round_trips(self):
        sums = {}
        lines = (self.folder / "fping.lines").read_text().splitlines()
        for found in filter(None, (re.match(r"(\S+)\s+: \[\d+\], \d+ bytes, (\S+) ms", line) for line in lines)):
            before = sums.get(found[1], (0.0, 0))
            sums[found[1]] = (before[0] + float(found[2]) / 1e3, before[1] + 1)
        return sums

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        super().stop()


class SmokepingProber(Tool):
    name = "smokeping_prober (ping sockets)"
    scrapes = True
    program = "prometheus-smokeping-prober"

    def start(self):
        port = free_port()
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        self.spawn(
            self.program, "--no-privileged", "--log.level=error", f"--web.listen-address=127.0.0.1:{port}", *TARGETS
        )

    def counts(self):
        text = get(self.metrics)
        return total(text, "smokeping_response_duration_seconds_count"), total(text, "smokeping_requests_total")

    def round_trips(self):
        return histograms(get(self.metrics), "smokeping_response_duration_seconds", "ip")


class Blackbox(Tool):
    """blackbox_exporter with ICMP, driven by Prometheus once a second per target: what most people run today."""

    name = "blackbox_exporter + Prometheus"
    program = "prometheus-blackbox-exporter"

    def start(self):
        exporter, self.prometheus = free_port(), free_port()
        self.metrics = f"http://127.0.0.1:{self.prometheus}/-/ready"
        modules = self.folder / "blackbox.yml"
        modules.write_text("modules:\n  icmp:\n    prober: icmp\n    timeout: 1s\n")
        targets = ", ".join(f'"{target}"' for target in TARGETS)
        config = self.folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n- job_name: icmp\n  metrics_path: /probe\n  params: {module: [icmp]}\n"
            f"  static_configs:\n  - targets: [{targets}]\n"
            "  relabel_configs:\n"
            "  - {source_labels: [__address__], target_label: __param_target}\n"
            "  - {source_labels: [__param_target], target_label: instance}\n"
            f'  - {{target_label: __address__, replacement: "127.0.0.1:{exporter}"}}\n'
        )
        self.spawn(
            self.program, "--log.level=error", f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{exporter}"
        )
        self.spawn(
            "prometheus",
            "--log.level=error",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.prometheus}",
        )

    def ask(self, query):
        text = get(f"http://127.0.0.1:{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        return {row["metric"].get("instance"): float(row["value"][1]) for row in json.loads(text)["data"]["result"]}

    def counts(self):
        answered, asked = self.ask("sum(sum_over_time(probe_success[1h]))"), self.ask("sum(count_over_time(up[1h]))")
        return answered.get(None, 0.0), asked.get(None, 0.0)

    def round_trips(self):
        sums = self.ask('sum_over_time(probe_icmp_duration_seconds{phase="rtt"}[1h])')
        answered = self.ask("sum_over_time(probe_success[1h])")
        return {address: (seconds, int(answered.get(address, 0))) for address, seconds in sums.items()}


TOOLS = [Linkpatrol, Fping, SmokepingProber, Blackbox]


def wait_until(what, check, most):
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > most:
            raise RuntimeError(f"waited {most} s in vain for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def measure(tool_class, seconds, warm_up):
    """One window of one tool: a row of figures."""
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        tool = tool_class(Path(folder))
        tool.start()
        try:
            row = {"start_seconds": wait_until(f"{tool.name} to serve", tool.ready, 180)}
            time.sleep(warm_up)
            answered, ended = tool.counts()
            cpu, began = cpu_seconds(tool.pids()), time.monotonic()
            if tool.metrics:
                deadline = began + min(SCRAPE_EVERY, seconds / 2)
                while deadline < began + seconds:
                    time.sleep(max(0, deadline - time.monotonic()))
                    get(tool.metrics)
                    deadline += SCRAPE_EVERY
            time.sleep(max(0, began + seconds - time.monotonic()))
            used, lasted = cpu_seconds(tool.pids()) - cpu, time.monotonic() - began
            after_answered, after_ended = tool.counts()
            probes = max(after_ended - ended, 1)
            # The counts were read a moment before and after the window; the rate makes them comparable.
            span = time.monotonic() - began
            row["probes_per_second"] = probes / span
            row["answered_share"] = (after_answered - answered) / probes
            row["cpu_share"] = used / lasted
            row["cpu_micros_per_probe"] = 1e6 * used / (probes / span * lasted)
            row["rss_bytes"] = resident_bytes(tool.pids())
            row["stages"] = tool.stages()
            return row
        finally:
            tool.stop()


def measure_scrapes(tool_class, scrapes):
    """Time and CPU of one scrape: CPU over a span with scrapes, less CPU over the same span without."""
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        tool = tool_class(Path(folder))
        tool.start()
        try:
            wait_until(f"{tool.name} to serve", tool.ready, 180)
            time.sleep(5)
            span = scrapes * 0.5
            quiet = cpu_seconds(tool.pids())
            time.sleep(span)
            busy = cpu_seconds(tool.pids())
            took, size, began = [], 0, time.monotonic()
            for number in range(scrapes):
                time.sleep(max(0, began + number * 0.5 - time.monotonic()))
                asked = time.monotonic()
                size = len(get(tool.metrics))
                took.append(time.monotonic() - asked)
            time.sleep(max(0, began + span - time.monotonic()))
            lasted = time.monotonic() - began
            used = cpu_seconds(tool.pids()) - busy - (busy - quiet) * lasted / span
            return {"seconds": statistics.median(took), "cpu_seconds": max(used, 0) / scrapes, "bytes": size}
        finally:
            tool.stop()


def measure_engine():
    """What the engine alone costs and reaches, beside bare sockets (benches/flat_out.rs); empty when it was not built."""
    program = os.environ.get("LINKPATROL_FLAT_OUT")
    if not program:
        return ""
    words = [str(ROOT / program), "--seconds", "5"]
    # Exit code 1 says that a goal was missed, which the figures show.
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, cwd=ROOT).stdout


def measure_start():
    """Seconds from the start of the process until every link has been measured once."""
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        tool, began = Linkpatrol(Path(folder)), time.monotonic()
        tool.start()

        def all_measured():
            try:
                text = get(tool.metrics)
            except OSError:
                return False
            return total(text, "linkpatrol_coverage_links", 'status="measured"') == len(TARGETS)

        try:
            wait_until("all links to be measured once", all_measured, 30)
            return time.monotonic() - began
        finally:
            tool.stop()


@contextlib.contextmanager
def other_work(busy):
    """Keeps every core busy with other work when `busy`."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(os.cpu_count() if busy else 0)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure_city(busy):
    """The score of one simulated city against its truth."""
    with other_work(busy):
        # Standard output is one line of JSON; exit code 1 says that the score is not perfect, which the figures show.
        words = [Linkpatrol.program, "demo", *CITY, "--listen", f"127.0.0.1:{free_port()}"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        return json.loads(done.stdout)


def measure_round_trips(tool_class, busy, seconds=20):
    """How far a tool's mean RTT of each target is from the tap's over the same answers, in seconds."""
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        folder, heard = Path(folder), Path(folder) / "heard.json"
        tap = subprocess.Popen([sys.executable, str(ROOT / "benches/tap.py"), str(heard)], stdin=subprocess.DEVNULL)
        tool = tool_class(folder)
        with open(folder / "fping.lines", "w", encoding="utf-8") as lines, other_work(busy):
            try:
                if isinstance(tool, Fping):
                    tool.output = lines
                time.sleep(1)
                tool.start()
                wait_until(f"{tool.name} to serve", tool.ready, 180)
                time.sleep(seconds)
                told = None if isinstance(tool, Fping) else tool.round_trips()
            finally:
                tool.stop()
                tap.terminate()
                tap.wait(120)
        told = told or tool.round_trips()
        heard = json.loads(heard.read_text())
        # The tool's count says how many of the first answers are in its sum.
        pairs = [(told[target], heard.get(target, [])) for target in TARGETS if target in told]
        return sorted(
            abs(total - sum(tapped[:count])) / count
            for (total, count), tapped in pairs
            if 0 < count <= len(tapped)
        )


def measure_whole(minutes=1):
    """A hundred thousand points, two on each of 50 000 links, measured, judged, kept and shown for so long: cost and false losses."""
    with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
        tool = Linkpatrol(Path(folder))
        tool.targets = [f"127.{1 + i // 62500}.{1 + i // 250 % 250}.{1 + i % 250}" for i in range(50_000)]
        tool.more_points = ["near"]
        tool.start()
        status = tool.metrics.replace("/metrics", "/api/v1/status")

        def all_measured():
            try:
                return json.loads(get(status))["coverage"]["measured"] == len(tool.targets)
            except OSError:
                return False

        try:
            start = wait_until("all links to be measured once", all_measured, 120)
            time.sleep(10)
            (answered, ended), before = tool.picture(), self_and(status, tool)
            for _ in range(4 * minutes):
                time.sleep(15)
                get(tool.metrics)
            after, (then_answered, then_ended) = self_and(status, tool), tool.picture()
            return {
                "start_seconds": start,
                "cpu_share": (after["cpu"] - before["cpu"]) / (after["at"] - before["at"]),
                "rss_bytes": resident_bytes(tool.pids()),
                "lost": (then_ended - then_answered) - (ended - answered),
                "probes_per_second": (after["stamped"] - before["stamped"]) / (after["at"] - before["at"]),
                "drops": {reason: count - before["drops"][reason] for reason, count in after["drops"].items()},
            }
        finally:
            tool.stop()


def self_and(status, tool):
    """What the daemon says of itself, and what the kernel says of it, at one time."""
    engine = json.loads(get(status))["engine"]
    stamped = sum(engine[f"stamps_{source}"] for source in ("kernel", "kernel_receive", "user"))
    return {"at": time.monotonic(), "cpu": cpu_seconds(tool.pids()), "stamped": stamped, "drops": dict(engine["local_drops"])}


def write_inventory(folder, port, targets, more_points=()):
    """The shipped city on loopback, with a far point a link and `more_points`; returns its configuration."""
    shutil.copytree(ROOT / "inventories", folder / "inventories")
    inventory = folder / "inventories/xuchang"
    text = (inventory / "inventory.yaml").read_text()
    # `serve` measures no synthetic inventory; these addresses are this machine's own.
    (inventory / "inventory.yaml").write_text(text.replace("synthetic: true", "synthetic: false"))
    more = range(1, 1 + len(more_points))
    rows = "".join(
        f"LL-{number:04},BENCH-{number:05},private,carrier-a,U{1 + number % 35:02},A,Z,100M,normal,active,{address}"
        # 127.x.y.z has its neighbours at 127.(x+50).y.z, 127.(x+100).y.z and so on.
        + "".join(f",127.{int(address.split('.')[1]) + 50 * place}.{address.split('.', 2)[2]}" for place in more)
        + "\n"
        for number, address in enumerate(targets, 1)
    )
    head = "id,cid,kind,carrier,unit,a_end,z_end,bandwidth,priority,status,far_address"
    (inventory / "links.csv").write_text(",".join([head] + [f"{role}_address" for role in more_points]) + "\n" + rows)
    config = folder / "linkpatrol.yaml"
    config.write_text(
        f"listen: [\"127.0.0.1:{port}\"]\ndata_dir: {folder / 'state'}\ninventory: {inventory}\nprobes: {ROOT / 'probes'}\n"
        "limits: {total: 200000, per_carrier: 200000}\n"
    )
    return config


def spread(values, scale=1.0, digits=1):
    """Median and range, as text."""
    scaled = sorted(value * scale for value in values)
    if len(scaled) == 1:
        return f"{scaled[0]:.{digits}f}"
    return f"{statistics.median(scaled):.{digits}f} ({scaled[0]:.{digits}f}-{scaled[-1]:.{digits}f})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def version(program, *words):
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=10)
    except OSError:
        return f"{program}: not installed"
    return (done.stdout or done.stderr).strip().splitlines()[0]


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({model.group(1) if model else 'unknown'}), Linux {platform.release()}"


def city_table(cities):
    head = ["machine", "cuts", "missed", "false alarms", "cut to open incident, median s", "most s",
            "RTT error p50 µs", "RTT error p99 µs", "probes answered"]  # fmt: skip
    rows = []
    for name, scores in cities.items():
        each = lambda take, scale=1.0, digits=0: spread([take(score) for score in scores], scale, digits)
        rows.append([
            name,
            each(lambda score: score["cuts"]),
            each(lambda score: score["missed_cuts"]),
            each(lambda score: score["false_alarms"]),
            each(lambda score: score["detection_seconds"]["p50"], digits=2),
            each(lambda score: score["detection_seconds"]["max"], digits=2),
            each(lambda score: score["rtt_error_seconds"]["p50"], 1e6, 1),
            each(lambda score: score["rtt_error_seconds"]["p99"], 1e6, 1),
            each(lambda score: score["probes"]["answered"]),
        ])
    note = f"`linkpatrol demo {' '.join(CITY)}`; RTT error is ours minus that of an independent AF_PACKET tap."
    return f"{note}\n\n{table(head, rows)}"


def tap_table(errors):
    head = ["tool", "machine", "targets", "p50 µs", "p99 µs", "most µs"]
    quantile = lambda sorted_, share: f"{1e6 * sorted_[min(int(len(sorted_) * share), len(sorted_) - 1)]:.1f}"
    rows = [
        [tool.name, machine_, str(len(all_)), *((quantile(all_, share) for share in (0.5, 0.99, 1)) if all_ else "---")]
        for (tool, machine_), all_ in errors.items()
    ]
    note = (
        "Every tool on the same 1631 loopback targets; the witness is an AF_PACKET socket with kernel stamps "
        "(`benches/tap.py`). Error of a target: how far the mean RTT that the tool reports is from the witness's mean over "
        "the same answers. Targets that the tool counted more answers of than the witness are left out."
    )
    return f"{note}\n\n{table(head, rows)}"


def report(arguments, results, engine, scrapes, starts, cities, errors, wholes):
    """The measured part of docs/performance.md."""
    ours = statistics.median(row["cpu_micros_per_probe"] for row in results[Linkpatrol])
    rows = []
    for tool, measured in results.items():
        cost = [row["cpu_micros_per_probe"] for row in measured]
        rows.append([
            tool.name,
            spread(cost),
            f"{statistics.median(cost) / ours:.1f}",
            spread([row["probes_per_second"] for row in measured], digits=0),
            spread([row["answered_share"] for row in measured], 100) + " %",
            spread([row["cpu_share"] for row in measured], 100) + " %",
            spread([row["rss_bytes"] for row in measured], 1 / (1 << 20), 0) + " MiB",
        ])
    head = ["tool", "CPU µs per probe", "of linkpatrol", "probes/s", "answered", "CPU of one core", "RSS"]
    parts = [
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {machine()}, with `benches/run {' '.join(sys.argv[1:])}`: "
        f"{len(TARGETS)} loopback targets, one probe a second each, {arguments.rounds} rounds of {arguments.seconds} s after "
        f"{arguments.warm_up} s, tools in turns, each alone; median (range).",
        "### CPU per probe\n\n" + table(head, rows),
    ]
    stages = [row["stages"] for row in results[Linkpatrol] if row["stages"]]
    if stages:
        shares = {name: sum(row[name] for row in stages) for name in stages[0]}
        whole = sum(shares.values()) or 1
        parts.append(
            "Ours by stage, from `linkpatrol_cpu_seconds_total`: "
            + ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in shares.items())
            + "."
        )
    if engine:
        parts.append(
            "### The engine alone, beside bare sockets\n\nNothing is judged or exported; both kernel timestamps are taken "
            f"(`cargo bench --bench flat_out -- --seconds 5`).\n\n```text\n{engine.strip()}\n```"
        )
    if scrapes:
        rows = [
            [tool.name, spread(s["seconds"] for s in all_), spread(s["cpu_seconds"] for s in all_), f"{all_[0]['bytes']:,}"]
            for tool, all_ in (
                (tool, [{**s, "seconds": 1e3 * s["seconds"], "cpu_seconds": 1e3 * s["cpu_seconds"]} for s in measured])
                for tool, measured in scrapes.items()
            )
        ]
        parts.append("### One scrape of `/metrics`\n\n" + table(["tool", "time ms", "CPU ms", "bytes"], rows))
    if cities:
        parts.append("### Against the truth of the simulated city\n\n" + city_table(cities))
    if errors:
        parts.append("### RTT beside an independent witness\n\n" + tap_table(errors))
    if wholes:
        each = lambda name, scale=1.0, digits=0: spread([whole[name] for whole in wholes], scale, digits)
        faults = sum(sum(whole["drops"].values()) for whole in wholes)
        parts.append(
            "### 100 000 points through the whole product\n\n"
            "50 000 links of two points, each at one probe a second, judged, stored and scraped every 15 s, over a minute: "
            f"{each('probes_per_second')} probes/s, {each('lost')} lost, {faults} unmeasured or dropped, "
            f"{each('cpu_share', 100)} % of a core, {each('rss_bytes', 1 / (1 << 20))} MiB resident; "
            f"all measured once after {each('start_seconds', digits=1)} s."
        )
    if starts:
        parts.append(f"### Start\n\nFrom the start of the process to all links measured once: {spread(starts, digits=2)} s.")
    parts.append(
        "Versions: "
        + "; ".join([
            version(Linkpatrol.program, "--version"),
            version("fping", "--version"),
            version("prometheus-smokeping-prober", "--version"),
            version("prometheus-blackbox-exporter", "--version"),
            version("prometheus", "--version"),
        ])
        + "."
    )
    return "\n\n".join(parts)


def write_document(text):
    document = ROOT / "docs/performance.md"
    before, rest = document.read_text().split(MARKS[0])
    document.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="length of a window (default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=10, help="before a window (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scrapes", type=int, default=20, help="for the cost of one scrape")
    parser.add_argument("--extras", type=int, default=2, help="rounds with scrapes and a city (default: %(default)s)")
    parser.add_argument("--only", help="only tools whose name contains this")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md also after a short run")
    arguments = parser.parse_args()

    tools = [tool for tool in TOOLS if shutil.which(tool.program) and (arguments.only or "") in tool.name]
    results = {tool: [] for tool in tools}
    scrapes, starts, cities, errors, wholes = {}, [], {}, {}, []
    for number in range(1, arguments.rounds + 1):
        for tool in tools:
            row = measure(tool, arguments.seconds, arguments.warm_up)
            results[tool].append(row)
            print(
                f"round {number} {tool.name}: {row['cpu_micros_per_probe']:.1f} µs per probe, "
                f"{row['probes_per_second']:.0f}/s, {100 * row['answered_share']:.1f} % answered, "
                f"{row['rss_bytes'] / (1 << 20):.0f} MiB, up after {row['start_seconds']:.1f} s",
                flush=True,
            )
        if Linkpatrol in tools:
            starts.append(measure_start())
            print(f"round {number} all links measured once after {starts[-1]:.2f} s", flush=True)
        for tool in (tool for tool in tools if number <= arguments.extras and tool.scrapes):
            scrapes.setdefault(tool, []).append(measure_scrapes(tool, arguments.scrapes))
            print(f"round {number} {tool.name}: one scrape {scrapes[tool][-1]}", flush=True)
        for name, busy in CITIES if number <= arguments.extras and Linkpatrol in tools else ():
            cities.setdefault(name, []).append(measure_city(busy))
            print(f"round {number} city, {name}: {cities[name][-1]}", flush=True)
    for tool in tools if arguments.extras else ():
        for name, busy in CITIES:
            errors[tool, name] = measure_round_trips(tool, busy)
            print(f"{tool.name}, {name}: RTT error {errors[tool, name][-1:]} s at most", flush=True)
    if Linkpatrol not in tools:
        return
    if arguments.extras:
        wholes.append(measure_whole())
        print(f"100 000 points: {wholes[-1]}", flush=True)
    engine = measure_engine()
    text = report(arguments, results, engine, scrapes, starts, cities, errors, wholes)
    print(f"\n{text}")
    if arguments.write or (arguments.seconds >= 60 and arguments.rounds >= 5 and not arguments.only):
        write_document(text)


if __name__ == "__main__":
    main()
