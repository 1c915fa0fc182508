from elasticsearch import Elasticsearch

client = Elasticsearch("http://127.0.0.1:3000")
client.bulk(operations=[
    {"create": {"_index": "shop"}},
    {"level": "info", "message": "hello from elasticsearch-python"},
])
