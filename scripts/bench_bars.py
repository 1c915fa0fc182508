"""Tables of figures with bars, for the benchmarks that bench.sh starts by name."""

import json
import math
import sys


def most(value, bar):
    """How a figure misses the most that it may be; empty if it meets the bar, or if there is none."""
    return "" if bar is None or value is None or value <= bar else f"bar ≤ {bar:g}"


def least(value, bar):
    """How a figure misses the least that it must be; empty if it meets the bar, or if there is none."""
    return "" if bar is None or value is None or value >= bar else f"bar ≥ {bar:g}"


def row(figure, values, missed=None):
    """A figure in each column, and by which bar each of them is missed: empty texts, or none at all."""
    return {"figure": figure, "values": values, "behind": missed or [""] * len(values)}


def percentile(times, share):
    """The nearest rank; `None` of nothing."""
    ranked = sorted(times)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)] if ranked else None


def shown(value):
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}" if abs(value) >= 1 else f"{value:,.3f}"


class Figures:
    """Figures by name, each with how it misses its bar."""

    def __init__(self):
        self.values = {}

    def add(self, name, value, behind=""):
        self.values[name] = (value, behind)
        print(f"  {name}: {shown(value)}", file=sys.stderr)


def print_table(title, rows, columns):
    """Prints the table; `behind` names the columns in which a figure misses its bar, where there are several."""
    width = max(len(one["figure"]) for one in [*rows, {"figure": title}]) + 2
    print(f"\n{title:<{width}}" + "".join(f"{column:>14}" for column in columns) + "  behind")
    for one in rows:
        missed = [
            f"{column}: {text}" if len(columns) > 1 else text
            for column, text in zip(columns, one["behind"])
            if text
        ]
        values = "".join(f"{shown(value):>14}" for value in one["values"])
        print(f"{one['figure']:<{width}}{values}  {', '.join(missed)}".rstrip())
    behind = sum(any(one["behind"]) for one in rows)
    print(f"\n{behind} of {len(rows)} figures are behind their bars")


def write_json(file, tables):
    """`tables` are the title, the rows and the columns of each table."""
    if file:
        named = [{"table": title, "columns": columns, "rows": rows} for title, rows, columns in tables]
        with open(file, "w", encoding="utf-8") as out:
            json.dump(named, out, ensure_ascii=False, indent=1)
