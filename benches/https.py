#!/usr/bin/env python3
"""Checks of pages over TLS: linkpatrol, blackbox_exporter and bare rustls on the same nginx, in turns.

Started by `benches/https`, inside a network namespace of its own. 2000 services, each every 15 s, full handshakes only
(nginx's log proves it); CPU is user plus system time of all processes of a tool, divided by the visits that nginx logged.
Then `/probe` of both under 200 scrapes at a time (`ab`); and how late the others are while 500 of the 2000 hang in the handshake,
by the times in nginx's log. Standard library only.
"""

import argparse
import http.client
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from peers import ROOT, Tool, cpu_seconds, free_port, resident_bytes, spread, wait_until, write_inventory

SERVICES, INTERVAL, HANGING = 2000, 15, 500
MODULES = "modules:\n  page:\n    prober: http\n    timeout: 5s\n    http:\n      fail_if_not_ssl: true\n      preferred_ip_protocol: ip4\n      tls_config: {ca_file: %s}\n"


class Site:
    """nginx with an ECDSA P-256 certificate, which logs for each page whether the session was taken up again."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()

        def openssl(words):
            subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)

        curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl(f"req -x509 {curve} -keyout ca.key -out ca.pem -days 90 -subj /CN=bench")
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
        openssl(f"req {curve} -keyout site.key -out site.csr -subj /CN=site")
        openssl("x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 90 -out site.pem")
        folders = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr; worker_rlimit_nofile 65535;\n"
            "events { worker_connections 16384; }\n"
            f"http {{ {folders} log_format visits '$msec $request_uri $ssl_session_reused $status';\n"
            f"  access_log {folder}/visits visits;\n"
            f"  server {{ listen 127.0.0.1:{self.port} ssl backlog=4096; ssl_certificate {folder}/site.pem;\n"
            f"    ssl_certificate_key {folder}/site.key; ssl_protocols TLSv1.2 TLSv1.3;\n"
            "    location / { default_type text/html; return 200 '<title>site</title>welcome'; } } }\n"
        )
        self.process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"], stderr=open(folder / "nginx.log", "wb"))
        self.url = f"https://127.0.0.1:{self.port}/"
        self.roots = folder / "ca.pem"

    def visits(self):
        """Pages given so far, and those of them over a session that was taken up again."""
        lines = (self.folder / "visits").read_text().splitlines()
        pages = [line for line in lines if line.endswith(" 200")]
        return len(pages), sum(line.endswith(" r 200") for line in pages)

    def intervals(self):
        """Seconds between one page and the next of the same service, of all services, once each has come to its own turn."""
        times = {}
        for line in (self.folder / "visits").read_text().splitlines():
            at, service, _, _ = line.split()
            times.setdefault(service, []).append(float(at))
        return [after - before for of in times.values() for before, after in zip(of[1:], of[2:])]


class Daemon(Tool):
    name = "linkpatrol"
    program = os.environ.get("LINKPATROL_BINARY", str(ROOT / "target/release/linkpatrol"))

    def __init__(self, folder, site):
        super().__init__(folder)
        self.site, self.services, self.hanging = site, SERVICES, None

    def start(self):
        port = free_port()
        self.metrics = f"http://127.0.0.1:{port}/metrics"
        self.probe = f"http://127.0.0.1:{port}/probe"
        config = write_inventory(self.folder, port, ["127.1.1.1"])
        (self.folder / "blackbox.yml").write_text(MODULES % self.site.roots)
        config.write_text(
            config.read_text()
            + f"probe: {{modules: {self.folder / 'blackbox.yml'}, targets: [127.0.0.0/8], at_once: 400, per_second: 10000}}\n"
        )
        urls = [f"{self.site.url}{n}" for n in range(self.services)]
        if self.hanging:
            urls[:HANGING] = [f"https://127.0.0.1:{self.hanging}/"] * HANGING
        services = "".join(f'  - {{id: s-{n}, url: "{url}"}}\n' for n, url in enumerate(urls))
        (self.folder / "inventories/xuchang/services.yaml").write_text(
            f"defaults: {{interval: {INTERVAL}s, timeout: 10s}}\n"
            "limits: {per_host: 100000, per_address: 100000, per_zone: 100000, total: 100000, at_once: 4000, at_once_per_address: 4000}\n"
            f"services:\n{services}"
        )
        # Of the city, and about what is not here.
        for name in ("sites.yaml", "devices.yaml"):
            (self.folder / "inventories/xuchang" / name).unlink(missing_ok=True)
        os.environ["SSL_CERT_FILE"] = str(self.site.roots)
        self.spawn(self.program, "serve", "--config.file", str(config))


class Blackbox(Tool):
    """Asked for each service in its turn; what asks is not in its figure."""

    name = "blackbox_exporter"
    program = "prometheus-blackbox-exporter"

    def __init__(self, folder, site):
        super().__init__(folder)
        self.site, self.asking = site, False

    def start(self):
        self.port = free_port()
        self.metrics = f"http://127.0.0.1:{self.port}/metrics"
        self.probe = f"http://127.0.0.1:{self.port}/probe"
        (self.folder / "blackbox.yml").write_text(MODULES % self.site.roots)
        self.spawn(
            self.program, f"--config.file={self.folder / 'blackbox.yml'}", f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=error",
        )
        self.asking = True
        for nth in range(16):
            threading.Thread(target=self.ask, args=(nth,), daemon=True).start()

    def ask(self, nth):
        wait_until("blackbox_exporter", self.ready, 20)
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        began, turn = time.monotonic(), INTERVAL * nth / SERVICES
        while self.asking:
            time.sleep(max(0, began + turn - time.monotonic()))
            try:
                connection.request("GET", f"/probe?module=page&target={self.site.url}{nth}")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                if self.asking:
                    raise
            turn += INTERVAL * 16 / SERVICES

    def stop(self):
        self.asking = False
        super().stop()


def measure(tool, seconds):
    """CPU of a visit in microseconds, of a core, RSS in bytes, visits a second, sessions that were taken up again."""
    tool.start()
    try:
        wait_until(tool.name, tool.ready, 60)
        time.sleep(INTERVAL + 3)
        (visits, reused), cpu, began = tool.site.visits(), cpu_seconds(tool.pids()), time.monotonic()
        time.sleep(seconds)
        (then, reused_then), cpu = tool.site.visits(), cpu_seconds(tool.pids()) - cpu
        took = time.monotonic() - began
        return {
            "micros": 1e6 * cpu / max(then - visits, 1),
            "share": cpu / took,
            "rss": resident_bytes(tool.pids()),
            "rate": (then - visits) / took,
            "reused": reused_then - reused,
        }
    finally:
        tool.stop()


def pressed(tool, at_once, times):
    """Milliseconds of a scrape of `/probe`: median, 99th percentile; requests that failed; with so many at once and nothing else."""
    tool.services = 1
    tool.start()
    try:
        wait_until(tool.name, tool.ready, 60)
        tool.asking = False
        time.sleep(1)
        url = f"{tool.probe}?module=page&target={tool.site.url}"
        said = subprocess.run(["ab", "-q", "-l", "-c", str(at_once), "-n", str(times), url], capture_output=True, text=True)
        found = dict(re.findall(r"^\s*(\d+)%\s+(\d+)", said.stdout, re.M))
        failed = int(re.search(r"Failed requests:\s+(\d+)", said.stdout)[1]) + len(re.findall("Non-2xx", said.stdout))
        return int(found["50"]), int(found["99"]), failed
    finally:
        tool.stop()


def late_beside_hanging(tool, seconds):
    """Milliseconds that a page comes later than its interval while others hang: median, 99th percentile, most; how many pages."""
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        # Taken by the kernel, and never answered.
        hanging.listen(4096)
        tool.hanging = hanging.getsockname()[1]
        tool.start()
        try:
            wait_until(tool.name, tool.ready, 60)
            time.sleep(2 * INTERVAL + seconds)
            late = sorted(1000 * (seconds - INTERVAL) for seconds in tool.site.intervals())
            return late[len(late) // 2], late[int(len(late) * 0.99)], late[-1], len(late)
        finally:
            tool.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=45)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    rounds = {Daemon: [], Blackbox: []}
    lateness = []
    bare, scrapes = {0: [], SERVICES // INTERVAL: []}, {Daemon: [], Blackbox: []}
    for _ in range(asked.rounds):
        for kind in (Daemon, Blackbox):
            with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
                site = Site(Path(folder))
                scraped = Path(folder) / "scraped"
                scraped.mkdir()
                try:
                    rounds[kind].append(measure(kind(Path(folder), site), asked.seconds))
                    scrapes[kind].append(pressed(kind(scraped, site), 200, 4000))
                    if kind is Daemon and (program := os.environ.get("LINKPATROL_BARE_TLS")):
                        for rate, found in bare.items():
                            words = [program, f"127.0.0.1:{site.port}", str(site.roots), "1000", str(rate)]
                            found.append(float(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
                finally:
                    site.process.terminate()
                    site.process.wait()
        with tempfile.TemporaryDirectory(prefix="lp-bench-") as folder:
            site = Site(Path(folder))
            try:
                lateness.append(late_beside_hanging(Daemon(Path(folder), site), asked.seconds))
            finally:
                site.process.terminate()
                site.process.wait()
    print(f"{SERVICES} services every {INTERVAL} s, full handshakes, {asked.rounds} rounds of {asked.seconds} s in turns; median (range)\n")
    print("| tool | CPU µs per visit | visits/s | CPU of one core | RSS | sessions taken up again |\n| --- | --- | --- | --- | --- | --- |")
    for kind, found in rounds.items():
        values = {name: [one[name] for one in found] for name in found[0]}
        print(
            f"| {kind.name} | {spread(values['micros'])} | {spread(values['rate'])} | {spread(values['share'], 100)} % "
            f"| {spread(values['rss'], 2**-20, 0)} MiB | {sum(values['reused'])} |"
        )
    for rate, found in bare.items():
        if found:
            print(f"| bare rustls, {f'{rate} a second' if rate else 'one after the other'} | {spread(found)} | | | | |")
    print("\n| tool | `/probe`, 200 at a time, ms: median | 99th percentile | failed |\n| --- | --- | --- | --- |")
    for kind, found in scrapes.items():
        middle, late, failed = zip(*found)
        print(f"| {kind.name} | {spread(middle, digits=0)} | {spread(late, digits=0)} | {sum(failed)} |")

    middle, late, most, pages = zip(*lateness)
    print(
        f"\n{HANGING} of {SERVICES} hanging in the handshake, {sum(pages)} pages of the others later than their interval by, ms: "
        f"median {spread(middle)}, 99th percentile {spread(late)}, most {spread(most)}"
    )


if __name__ == "__main__":
    main()
