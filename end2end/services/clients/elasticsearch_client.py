"""Elastic's client: python elasticsearch_client.py URL INDEX"""
import json
import sys
import time

from elasticsearch import Elasticsearch, helpers

url, index = sys.argv[1:]
client = Elasticsearch(url, http_compress=True)
info = client.info()
now = time.time() - 5


def document(n):
    return {
        # Milliseconds, as Elasticsearch takes them too.
        "@timestamp": int(now * 1000) + n,
        "message": f"order {n} is not paid: 카드",
        "log.level": "error",
        "host": {"name": "till-1"},
        "trace": {"id": "5b8efff798038103d269b633813fc60c"},
        "order": n,
    }


actions = [{"_op_type": "create", "_index": index, "_source": document(17)}, {"_index": index, **document(18)}]
stored, errors = helpers.bulk(client, actions, refresh="wait_for")
bulk = client.bulk(index=index, operations=[{"create": {}}, document(20)])
indexed = client.index(index=index, id="mine", document=document(19))
pinged = client.ping()
client.close()
print(json.dumps({
    "time": now,
    "info": info.body,
    "stored": stored,
    "errors": errors,
    "bulk": bulk.body,
    "indexed": indexed.body,
    "pinged": pinged,
}))
