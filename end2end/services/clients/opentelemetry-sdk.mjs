// OpenTelemetry's SDK: node opentelemetry-sdk.mjs URL SERVICE grpc|http|proto
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

const [url, service, protocol] = process.argv.slice(2);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${protocol}`);
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': service, 'host.name': 'till-1' }),
  processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url, compression: 'gzip' }) })],
});
const span = { traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174', traceFlags: 1 };
const time = new Date(Date.now() - 5000);
provider.getLogger('orders', '1.2').emit({
  context: trace.setSpanContext(ROOT_CONTEXT, span),
  timestamp: time,
  severityNumber: SeverityNumber.ERROR,
  severityText: 'ERROR',
  body: 'order 17 is not paid: 카드',
  attributes: { order: 17, items: ['tea', 'milk'], card: { kind: 'visa' } },
});
await provider.shutdown();
console.log(JSON.stringify({ time: time / 1000, trace_id: span.traceId, span_id: span.spanId }));
