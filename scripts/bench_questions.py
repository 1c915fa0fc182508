"""The queries of scripts/bench_breadth.py: ours, and the same question to VictoriaLogs.

Names in braces stand for values of a record that is stored; see `values`.
"""

import json
import sys

from bench import DAY, QUERIES, count, logs, theirs

# What a bar depends on.
PAGE, SCAN, RARE, REORDERED, ANALYTICS = "page", "scan", "rare", "reordered", "analytics"

# Where our pipes are answered.
PIPES = "/api/v1/stats"

SCANS = {
    "substring that is nowhere",
    "known words in an order that is nowhere",
    "common words in an order that is nowhere",
    "count of a substring in 0.1 %",
}


def facets(field):
    return (
        ("/api/v1/facets", {"query": "", "fields": field, "limit": 10, **DAY}),
        theirs(f'* | top 10 by ("{field}")'),
    )


def newest(ours, peer=None):
    return logs(ours), theirs(peer or ours)


def counted(ours, peer=None):
    return count(ours), theirs(f"{peer or ours} | stats count()")


NOWHERE = {"substring that is nowhere": (SCAN, newest('"zqxjkvb"', '~"zqxjkvb"'))}

PLAIN = {
    **{name: (SCAN if name in SCANS else PAGE, sides) for name, sides in QUERIES.items()},
    "one trace id": (RARE, QUERIES["one trace id"]),
    # Both halves are words of the rare template.
    "words of a rare template in another order": (REORDERED, newest('"exhausted quota"')),
    "one number (seq)": (RARE, newest("seq:{seq}", 'seq:="{seq}"')),
    "newest 100 of a user": (PAGE, newest("user_id:{user_id}", 'user_id:="{user_id}"')),
    "facets of user_id": (PAGE, facets("user_id")),
}

WIDE = {
    "newest 100 of a pod": (PAGE, newest('kubernetes.pod:"{kubernetes.pod}"', 'kubernetes.pod:="{kubernetes.pod}"')),
    "one request id": (RARE, newest("request_id:{request_id}", 'request_id:="{request_id}"')),
    "newest 100 of a user": (PAGE, newest("user_id:{user_id}", 'user_id:="{user_id}"')),
    "count of http.status>=500": (PAGE, counted("http.status>=500", "http.status:>=500")),
    "count of duration_ms>500": (PAGE, counted("duration_ms>500", "duration_ms:>500")),
    "count of a text in 0.1 %": (PAGE, counted('"deadline exceeded"')),
    "count of a regular expression": (
        PAGE,
        counted("message:/order [0-9]+ reserved/", '~"order [0-9]+ reserved"'),
    ),
    "facets of kubernetes.namespace": (PAGE, facets("kubernetes.namespace")),
    "facets of http.status": (PAGE, facets("http.status")),
    "facets of client.ip": (PAGE, facets("client.ip")),
    **NOWHERE,
}

CORPORA = {
    "plain": PLAIN,
    # More than ten records may share a trace.
    "traces": PLAIN | {"one trace id": (PAGE, QUERIES["one trace id"])},
    "wide": WIDE,
    "access": {
        "newest 100 of a word": (PAGE, newest("Googlebot", "Googlebot")),
        "newest 100 of a substring": (PAGE, newest('"ow-we-lo"', '~"ow-we-lo"')),
        "newest 100 of a client": (PAGE, newest('"{client}"')),
        "count of a word": (PAGE, counted("bingbot")),
        **NOWHERE,
    },
    "stack": {
        "newest 100 of a word": (PAGE, newest("goroutine")),
        "newest 100 of a substring": (PAGE, newest('"epository.jav"', '~"epository.jav"')),
        "count of a phrase": (PAGE, counted('"Caused by"')),
        **NOWHERE,
    },
    "cjk": {
        "newest 100 of a Korean phrase in 0.05 %": (PAGE, newest('"원장 불일치가"')),
        "newest 100 of a Japanese text in 0.05 %": (PAGE, newest('"元帳の不一致"', '~"元帳の不一致"')),
        "count of a Korean phrase": (PAGE, counted('"결제 승인"')),
        "text that is nowhere": (SCAN, newest('"없는말모음"', '~"없는말모음"')),
    },
    "sparse": {
        "one attribute's value": (RARE, newest('{name}:"{value}"', '"{name}":="{value}"')),
        "facets of an attribute": (PAGE, facets("{name}")),
        **NOWHERE,
    },
    "tiny": {
        "count of all": (PAGE, counted("", "*")),
        "newest 100 of a message": (PAGE, newest('"{message}"')),
        **NOWHERE,
    },
}


def piped(ours, peer):
    return ANALYTICS, ((PIPES, {"query": ours, **DAY}), theirs(peer))


# The pipes of the bars. The text of the plain corpus is its rare template.
PIPED = {
    "plain": {
        "count by service, level": piped("* | stats count() by service, level", "* | stats by (service, level) count()"),
        "count, p99 by service": piped(
            "* | stats count(), p99(duration_ms) by service", "* | stats by (service) count(), quantile(0.99, duration_ms)"
        ),
        "errors by service and 5 min": piped(
            "level:error | stats count() by service, time(5m)", "level:error | stats by (service, _time:5m) count()"
        ),
        "distinct users by service": piped(
            "* | stats count_distinct(user_id) by service", "* | stats by (service) count_uniq(user_id)"
        ),
        "top 10 users": piped("* | top 10 user_id", "* | top 10 by (user_id)"),
        "status >= 500 by method, status": piped(
            "http.status>=500 | stats count() by http.method, http.status",
            'http.status:>=500 | stats by ("http.method", "http.status") count()',
        ),
        "sum, avg of a text by node": piped(
            '"quota nearly exhausted" | stats sum(duration_ms), avg(duration_ms) by node',
            '"quota nearly exhausted" | stats by (node) sum(duration_ms), avg(duration_ms)',
        ),
    },
    "wide": {
        "count, p95 by namespace, status": piped(
            "* | stats count(), p95(duration_ms) by kubernetes.namespace, http.status",
            '* | stats by ("kubernetes.namespace", "http.status") count(), quantile(0.95, duration_ms)',
        ),
        "avg, max by table and minute": piped(
            "* | stats avg(db.ms), max(db.ms) by db.table, time(1m)",
            '* | stats by ("db.table", _time:1m) avg("db.ms"), max("db.ms")',
        ),
        "top 20 clients": piped("* | top 20 client.ip", '* | top 20 by ("client.ip")'),
        "distinct requests": piped("* | stats count_distinct(request_id)", "* | stats count_uniq(request_id)"),
        "errors by tenant": piped(
            "level:error | stats count() by tenant | sort count desc | limit 10",
            "level:error | stats by (tenant) count() count | sort by (count desc) | limit 10",
        ),
        "share of status >= 500 by service": piped(
            "* | stats count_if(http.status>=500) as e, count() as n by service | eval pct = 100 * e / n",
            "* | stats by (service) count() if (http.status:>=500) as e, count() as n | math (100 * e / n) as pct",
        ),
        "max by path of slow ones": piped(
            "duration_ms>500 | stats max(duration_ms) by http.path | limit 20",
            'duration_ms:>500 | stats by ("http.path") max(duration_ms) | limit 20',
        ),
    },
}


def questions(corpus):
    """Kind and sides of each query on a corpus."""
    return CORPORA[corpus] | PIPED.get(corpus, {})


def values(server, corpus):
    """The texts for the names in braces: of a record from the middle of the range that has them all."""
    wanted = {
        "plain": "trace_id:* user_id:*",
        "traces": "trace_id:* user_id:*",
        "wide": "request_id:*",
    }.get(corpus, "")
    until = {} if corpus == "tiny" else {"to": "-3h"}
    status, body = server.get("/api/v1/logs", query=wanted, limit=100, **DAY, **until)
    records = json.loads(body).get("records") if status == 200 else None
    if not records:
        sys.exit(f"{corpus}: no record to ask for: {status} {body[:300]}")
    record = records[0]
    attributes = {name: str(value) for name, value in record["attributes"].items()}
    found = {**attributes, "trace": record.get("trace_id") or "", "message": record["message"]}
    if corpus == "access":
        found["client"] = record["message"].split(" ", 1)[0]
    if corpus == "sparse":
        # Eight hexadecimal digits: a value that hardly another record has.
        all_attributes = (attribute for one in records for attribute in one["attributes"].items())
        found["name"], found["value"] = next(attribute for attribute in all_attributes if is_hex(*attribute))
    return found


def is_hex(name, value):
    return name != "run" and isinstance(value, str) and len(value) == 8 and set(value) <= set("0123456789abcdef")
