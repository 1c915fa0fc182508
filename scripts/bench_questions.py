"""The queries of scripts/bench_breadth.py: ours, and the same question to VictoriaLogs.

Names in braces stand for values of a record that is stored; see `values`.
"""

import json
import sys

from bench import DAY, QUERIES, count, logs, theirs

# What a bar depends on.
PAGE, SCAN, RARE, REORDERED = "page", "scan", "rare", "reordered"

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

# Kind and sides of each query, by corpus.
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
