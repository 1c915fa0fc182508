"""python-logging-loki: python loki.py HOST SERVICE"""
import json
import logging
import sys
import time

import logging_loki

host, service = sys.argv[1:]
handler = logging_loki.LokiHandler(url=f"{host}/loki/api/v1/push", tags={"service": service}, version="1")
log = logging.getLogger("orders")
log.addHandler(handler)
now = time.time()
log.error("order %d is not paid: 카드", 17, extra={"tags": {"order": "17"}})
print(json.dumps({"time": now}))
