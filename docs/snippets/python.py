import json, urllib.request

log = {"service": "shop", "level": "info", "message": "hello from python"}
request = urllib.request.Request(
    "http://127.0.0.1:3000/api/v1/push", json.dumps(log).encode(), {"content-type": "application/json"})
urllib.request.urlopen(request)
