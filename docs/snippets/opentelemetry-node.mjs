import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

const exporter = new OTLPLogExporter({ url: 'http://127.0.0.1:4318/v1/logs' });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': 'shop' }),
  processors: [new BatchLogRecordProcessor({ exporter })],
});
logs.setGlobalLoggerProvider(provider);
logs.getLogger('orders').emit({
  severityNumber: SeverityNumber.INFO,
  severityText: 'info',
  body: 'hello from opentelemetry-node',
  attributes: { order: 17 },
});
await provider.shutdown();
