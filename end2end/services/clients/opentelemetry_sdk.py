"""OpenTelemetry's SDK: python opentelemetry_sdk.py ENDPOINT SERVICE grpc|http"""
import json
import logging
import sys

from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_span_id, format_trace_id

endpoint, service, protocol = sys.argv[1:]
if protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    exporter = OTLPLogExporter(endpoint=endpoint, insecure=True, compression=Compression.Gzip)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    exporter = OTLPLogExporter(endpoint=endpoint, compression=Compression.Gzip)

resource = Resource.create({"service.name": service, "host.name": "till-1", "deployment.environment.name": "test"})
provider = LoggerProvider(resource=resource)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
log = logging.getLogger("orders")
log.addHandler(LoggingHandler(logger_provider=provider))
sent = {}
log.addFilter(lambda record: sent.update(time=record.created) or True)

with TracerProvider().get_tracer("orders").start_as_current_span("pay") as span:
    try:
        raise ValueError("no such card")
    except ValueError:
        log.exception("order %d is not paid: 카드", 17, extra={"order": 17, "items": ["tea", "milk"]})
context = span.get_span_context()
provider.shutdown()
print(json.dumps({**sent, "trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}))
