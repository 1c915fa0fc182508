import logging, logging_loki

handler = logging_loki.LokiHandler(
    url="http://127.0.0.1:3000/loki/api/v1/push", tags={"service": "shop"}, version="1")
logging.getLogger("orders").addHandler(handler)
logging.getLogger("orders").error("hello from loki-python")
