#!/usr/bin/env python3
"""Measures each corpus of the load generator and names where a figure is behind its bar. Started by scripts/bench.sh.

With VICTORIA_LOGS, both programs take turns in each round, because the machine is slow for minutes at a time. A bar
is a ratio of the medians of one run, or an absolute figure.
"""

import argparse
import json
import os
import shutil
import statistics
import sys

from bench import PEER, Logboom, VictoriaLogs, measure_ingest, measure_queries
from bench_questions import CORPORA, RARE, REORDERED, SCAN, values

# Records of each corpus.
RECORDS = {
    "plain": 5_000_000,
    "traces": 5_000_000,
    "wide": 1_000_000,
    "access": 1_000_000,
    "stack": 150_000,
    "sparse": 400_000,
    "cjk": 1_000_000,
    "tiny": 1_000_000,
}
RATE, CPU, MEMORY, DISK = "JSON lines, records/s", "server CPU a record, µs", "peak memory, MB", "disk a record, bytes"


def ingest_bars(corpus):
    """The least or the most of the other program's figure, and of ours, by figure."""
    return {
        RATE: ("least", {"wide": 1.8, "tiny": 1.6}.get(corpus, 2.0), None),
        CPU: ("most", 0.55 if corpus in ("plain", "wide", "cjk") else 0.65, None),
        MEMORY: ("most", None, 350),
        DISK: ("most", 0.8 if corpus in ("plain", "wide", "access") else 0.95, None),
    }


def query_bar(kind, records):
    """The most of the other program's time, and the milliseconds that suffice or, for some kinds, are needed."""
    rare = 10 if records <= 5_000_000 else 20 if records <= 40_000_000 else 40
    return {
        SCAN: ("either", 0.6, 10),
        RARE: ("most", None, rare),
        REORDERED: ("most", None, 100),
    }.get(kind, ("either", 1.0, 10))


def behind(ours, peer, bar):
    """How a figure misses its bar; empty if it meets it, or if there is nothing to compare with."""
    how, share, absolute = bar
    ratio = ours / peer if share is not None and peer else None
    if how == "least":
        return f"{ratio:.2f} ×, bar ≥ {share} ×" if ratio is not None and ratio < share else ""
    meets = [ratio <= share] if ratio is not None else []
    meets += [ours <= absolute] if absolute is not None else []
    # Without the other program, only figures that must be met count.
    if not meets or any(meets) or (how == "either" and ratio is None):
        return ""
    bars = [f"{ratio:.2f} ×, bar ≤ {share} ×"] if ratio is not None else []
    bars += [f"bar ≤ {absolute:g}"] if absolute is not None else []
    return " or ".join(bars)


def servers():
    return [Logboom(), VictoriaLogs()] if PEER else [Logboom()]


def ingest(corpus, records, rounds):
    """Medians of the rounds by server, and the servers of the last one with their data, stopped."""
    figures = [[] for _ in range(2 if PEER else 1)]
    for number in range(rounds):
        pair = servers()
        for server, own in zip(pair, figures):
            own.append(measure_ingest(server, records, corpus))
            print(f"  {corpus}, {server.name}: {own[-1][RATE]:,.0f}/s, {own[-1][CPU]:.1f} µs", file=sys.stderr)
            if number == rounds - 1:
                server.kept = values(server, corpus) if isinstance(server, Logboom) else {}
            server.stop()
        if number < rounds - 1:
            for server in pair:
                shutil.rmtree(server.folder)
    medians = [{name: statistics.median(of[name] for of in own) for name in own[0]} for own in figures]
    return medians, pair


def row(corpus, name, ours, peer, bar):
    return {"corpus": corpus, "figure": name, "logboom": ours, "victoria_logs": peer, "behind": behind(ours, peer, bar)}


def ingest_rows(corpus, medians):
    ours, peer = medians[0], medians[1] if PEER else {}
    return [row(corpus, name, ours[name], peer.get(name), bar) for name, bar in ingest_bars(corpus).items()]


def query_rows(corpus, records, pair):
    asked = CORPORA[corpus]
    times = measure_queries(pair, pair[0].kept, {name: sides for name, (_, sides) in asked.items()})
    rows = []
    for name, (kind, _) in asked.items():
        ours, peer = times[name][:2], times[name][2:] or [None, None]
        for state, own, other in zip(("cold", "warm"), ours, peer):
            rows.append(row(corpus, f"{name}, {state}, ms", own, other, query_bar(kind, records)))
    return rows


def shown(value):
    return "–" if value is None else f"{value:,.1f}"


def print_table(rows):
    width = max(len(one["figure"]) for one in rows) + 2
    print(f"\n{'corpus':<8}{'figure':<{width}}{'Logboom':>14}{'VictoriaLogs':>14}{'ratio':>8}  behind")
    for one in rows:
        ours, peer = one["logboom"], one["victoria_logs"]
        ratio = f"{ours / peer:.2f}" if peer else "–"
        print(
            f"{one['corpus']:<8}{one['figure']:<{width}}{shown(ours):>14}{shown(peer):>14}{ratio:>8}  {one['behind']}"
        )
    missed = [one for one in rows if one["behind"]]
    print(f"\n{len(missed)} of {len(rows)} figures are behind their bars")


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--corpus", default=",".join(RECORDS), help="names with commas between them; all by default")
    parser.add_argument("--only", choices=("ingest", "queries"), help="only these figures; data is loaded for both")
    parser.add_argument("--records", type=int, help="records of each corpus, instead of its own number")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of ingest; figures are medians of them")
    parser.add_argument("--json", default=os.environ.get("BENCH_JSON"), help="a file for the table as JSON")
    given = parser.parse_args()
    given.corpora = [name for name in given.corpus.split(",") if name]
    unknown = [name for name in given.corpora if name not in CORPORA]
    if unknown or not given.corpora:
        parser.error(f"--corpus: {', '.join(unknown) or 'nothing'} is none of {', '.join(CORPORA)}")
    if given.rounds < 1 or (given.records is not None and given.records < 1000):
        parser.error("--rounds is at least 1, and --records at least 1000")
    return given


def main():
    given = options()
    rows = []
    for corpus in given.corpora:
        records = given.records or RECORDS[corpus]
        medians, pair = ingest(corpus, records, 1 if given.only == "queries" else given.rounds)
        if given.only != "queries":
            rows += ingest_rows(corpus, medians)
        if given.only != "ingest":
            rows += query_rows(corpus, records, pair)
        for server in pair:
            shutil.rmtree(server.folder)
    print_table(rows)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    main()
