// winston's transport to Loki: node winston-loki.mjs HOST SERVICE json|protobuf
import winston from 'winston';
import LokiTransport from 'winston-loki';

const [host, service, encoding] = process.argv.slice(2);
const transport = new LokiTransport({
  host,
  labels: { service, env: 'test, 1' },
  json: encoding === 'json',
  format: winston.format.json(),
  replaceTimestamp: false,
  onConnectionError: (error) => {
    console.error(error);
    process.exitCode = 1;
  },
});
// Without this it would fall back silently.
if (transport.batcher.contentType.includes('json') !== (encoding === 'json')) throw new Error('no snappy');
const time = new Date(Date.now() - 5000);
const logger = winston.createLogger({ transports: [transport] });
logger.error('order 17 is not paid: 카드', {
  timestamp: time.toISOString(),
  order: 17,
  trace_id: '5b8efff798038103d269b633813fc60c',
});
await transport.close();
console.log(JSON.stringify({ time: time / 1000 }));
