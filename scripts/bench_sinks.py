#!/usr/bin/env python3
"""Measures sinks, from outside, and prints one table. Started by scripts/bench.sh after bench.py.

Receivers run on the same machine, and their work is part of each figure.
"""

import json
import shutil
import statistics
import sys
import time

from bench import RECORDS, Logboom, free_port, load, table

RECORDS = min(RECORDS, 1_000_000)
# Offered records a second while a backlog grows.
RATE = 50_000


def sinks(server):
    return {sink["name"]: sink for sink in json.loads(server.get("/api/v1/sinks")[1])}


def wait_for(server, name, records, seconds=120):
    """Waits until the sink has delivered so many records."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sink = sinks(server)[name]
        if sink["refused"]:
            sys.exit(f"{name}: {sink}")
        if sink["records"] >= records:
            return
        time.sleep(0.02)
    sys.exit(f"{name} did not deliver {records:,} records in {seconds} s: {sink}")


def kinds(receiver, folder):
    """The URL of each kind of sink to a receiver or a folder."""
    address = f"127.0.0.1:{receiver.port}"
    return {
        "file": f"file://{folder}/{{service}}.log?from=start",
        "elasticsearch": f"elasticsearch+http://{address}/logs-{{yyyy}}.{{MM}}.{{dd}}?from=start",
        "logboom": f"logboom+http://127.0.0.1:{receiver.grpc}?from=start",
        "http": f"http://{address}/api/v1/push?from=start",
        "otlp": f"otlp+http://{address}?from=start",
        "loki": f"loki+http://{address}?from=start",
        "tcp": f"tcp://127.0.0.1:{receiver.sockets['tcp']}?from=start",
    }


def measure_kinds():
    """Records per second of each kind of sink, from a store that is full, and the CPU of the sender."""
    sender = Logboom()
    sender.start()
    load(sender, "http", "--records", RECORDS)
    sender.settle()
    sender.stop()
    rows = {}
    for kind in kinds(sender, ""):
        receiver = Logboom()
        receiver.start()
        url = kinds(receiver, receiver.folder / "files")[kind]
        sender.options = ["--sink", f"{kind}={url}"]
        sender.start()
        begun = time.monotonic()
        wait_for(sender, kind, RECORDS)
        seconds = time.monotonic() - begun
        rows[kind] = [RECORDS / seconds, sender.cpu() / RECORDS * 1e6]
        print(f"  {kind}: {rows[kind][0]:,.0f}/s", file=sys.stderr)
        sender.stop()
        receiver.stop()
        shutil.rmtree(receiver.folder)
    shutil.rmtree(sender.folder)
    return rows


def measure_ingest_beside(*options):
    """Records per second of the JSON door, as fast as it goes, beside these sinks."""
    server = Logboom(*options)
    server.start()
    rate = load(server, "http", "--records", 2 * RECORDS)["records_per_second"]
    server.stop()
    shutil.rmtree(server.folder)
    return rate


def measure_down():
    """Medians of five rounds in turns: without a sink, and with one whose destination is away."""
    without, beside = [], []
    for _ in range(5):
        without.append(measure_ingest_beside())
        beside.append(measure_ingest_beside("--sink", f"away=logboom+http://127.0.0.1:{free_port()}"))
    return {
        "JSON lines without a sink, records/s": [statistics.median(without)],
        "… with a sink that is down, records/s": [statistics.median(beside)],
    }


def measure_ten():
    """Ten file sinks that follow at an offered rate."""
    server = Logboom()
    for number in range(10):
        server.options += ["--sink", f"s{number}=file://{server.folder}/files-{number}/{{service}}.log"]
    server.start()
    report = load(server, "http", "--rate", RATE, "--duration", 20)
    begun = time.monotonic()
    for number in range(10):
        wait_for(server, f"s{number}", report["acknowledged"])
    figures = {
        "ten file sinks, offered 50,000/s: acknowledged/s": [report["records_per_second"]],
        "… the last sink is done after, s": [time.monotonic() - begun],
        "… peak memory, MB": [server.memory()],
    }
    server.stop()
    shutil.rmtree(server.folder)
    return figures


def measure_catch_up():
    """A backlog that grew at RATE, delivered to another Logboom that is back."""
    receiver = Logboom()
    sender = Logboom("--sink", f"center=logboom+http://127.0.0.1:{receiver.grpc}")
    sender.start()
    report = load(sender, "http", "--rate", RATE, "--duration", RECORDS // RATE)
    receiver.start()
    begun = time.monotonic()
    wait_for(sender, "center", report["acknowledged"])
    seconds = time.monotonic() - begun
    for server in (sender, receiver):
        server.stop()
        shutil.rmtree(server.folder)
    return {f"catch-up of a backlog grown at {RATE:,}/s, records/s": [report["acknowledged"] / seconds]}


def main():
    table(f"sinks, {RECORDS:,} records each", measure_kinds(), ["records/s", "CPU µs"])
    table("beside sinks", measure_down() | measure_ten() | measure_catch_up(), ["Logboom"])


if __name__ == "__main__":
    main()
