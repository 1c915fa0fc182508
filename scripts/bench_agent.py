#!/usr/bin/env python3
"""Measures an agent, from outside, and prints one table. Started by scripts/bench.sh after bench_sinks.py.

Mostly the destination is away: what is measured is what the agent does until records are durable on its disk. The last
figure is of a destination that is back: how late fresh records come while the agent sends what waited.
"""

import json
import os
import re
import shutil
import sys
import time
import urllib.request

from bench import PROGRAM, RECORDS, Logboom, free_port, load, table

RECORDS = min(RECORDS, 500_000)
# The bytes of the file that is tailed, in lines of 1 kB.
FILE_BYTES = int(os.environ.get("BENCH_FILE_BYTES", 1_000_000_000))
LINE_BYTES = 1000
# How long the agent is idle before its memory is read, in seconds.
IDLE = 5


class Agent(Logboom):
    """An agent, by default with a destination that is away."""

    def __init__(self, to=None, max_disk="4GiB"):
        super().__init__()
        self.to = to or f"http://127.0.0.1:{free_port()}"
        self.max_disk = max_disk

    def command(self):
        return [
            PROGRAM, "agent", "--to", self.to, "--data", self.folder / "data",
            "--log", "warn", "--listen", f"127.0.0.1:{self.port}", "--max-disk", self.max_disk, *self.options,
        ]  # fmt: skip

    ready = "/healthz"

    def metric(self, name):
        found = re.search(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", self.get("/metrics")[1].decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)


def measure_idle():
    agent = Agent()
    agent.start()
    time.sleep(IDLE)
    figures = {"an idle agent, memory, MB": [agent.memory("VmRSS")]}
    agent.remove()
    return figures


def measure_put():
    """One record a request, over 256 connections that are kept open."""
    agent = Agent()
    agent.start()
    options = ["--records", RECORDS, "--batch", 1, "--connections", 256, "--in-flight", 1]
    report = load(agent, "http", *options, url=f"http://127.0.0.1:{agent.port}/put")
    figures = {
        "POST /put, one record each, records/s": [report["records_per_second"]],
        "… CPU of the agent, µs a record": [agent.cpu() / RECORDS * 1e6],
        "… peak memory, MB": [agent.memory()],
    }
    agent.remove()
    return figures


def await_waiting(agent, holds, seconds, problem):
    """Waits until `holds` is true of the number of records that wait in the agent. Ends the program otherwise."""
    until = time.monotonic() + seconds
    while not holds(agent.metric("logboom_agent_waiting_records")):
        if time.monotonic() > until:
            sys.exit(f"{problem}: {agent.get('/healthz')[1].decode()}")
        time.sleep(0.02)


def measure_file():
    """A file of lines that is there at the start, until its last line is in the queue."""
    agent = Agent()
    file = agent.folder / "lines.log"
    lines = FILE_BYTES // LINE_BYTES
    with open(file, "w") as out:
        for number in range(lines):
            out.write(f"{number:09} {'request served in the usual time ' * 30}"[: LINE_BYTES - 1] + "\n")
    agent.options = ["--file", str(file)]
    begun = time.monotonic()
    agent.start()
    await_waiting(agent, lambda records: records >= lines, 120, f"the agent did not read {file} in time")
    seconds = time.monotonic() - begun
    figures = {
        "a file of 1 kB lines, MB/s": [FILE_BYTES / seconds / 1e6],
        "… CPU of the agent, µs a line": [agent.cpu() / lines * 1e6],
        "… peak memory, MB": [agent.memory()],
    }
    agent.remove()
    return figures


def seconds_until_found(agent, center, message, until):
    """Puts one record into the agent, and looks for it at the destination."""
    body = json.dumps({"service": "fresh", "message": message}).encode()
    put = urllib.request.Request(f"http://127.0.0.1:{agent.port}/put", body, {"content-type": "application/json"})
    begun = time.monotonic()
    urllib.request.urlopen(put, timeout=30).read()
    while time.monotonic() < until:
        if message in center.get("/api/v1/logs", query="service:fresh", limit=100)[1].decode():
            return time.monotonic() - begun
        time.sleep(0.02)
    sys.exit(f"the record {message!r} did not come to the destination")


def measure_fresh():
    """Fresh records while the agent sends what waited, to a Logboom that is back.

    The first is put after the first delivery. Before that, the agent does not know that its destination is back.
    """
    center = Logboom()
    agent = Agent(to=f"http://127.0.0.1:{center.grpc}")
    agent.start()
    load(agent, "http", "--records", 2 * RECORDS, url=f"http://127.0.0.1:{agent.port}/")
    center.start()
    begun = time.monotonic()
    problem = "the agent delivers nothing to a destination that is back"
    await_waiting(agent, lambda records: records < 2 * RECORDS, 60, problem)
    late = []
    while agent.metric("logboom_agent_waiting_records") > 0:
        late.append(seconds_until_found(agent, center, f"fresh record {len(late)}", begun + 300))
    seconds = time.monotonic() - begun
    agent.remove()
    center.stop()
    shutil.rmtree(center.folder)
    return {
        f"{2 * RECORDS:,} records that waited, records/s": [2 * RECORDS / seconds],
        f"… the latest of {len(late)} fresh records came after, s": [max(late, default=float("nan"))],
    }


def main():
    table("agent", measure_idle() | measure_put() | measure_file() | measure_fresh(), ["Logboom"])


if __name__ == "__main__":
    main()
