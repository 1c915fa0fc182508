// pino's transport to Loki: node pino-loki.mjs HOST SERVICE
import pino from 'pino';

const [host, service] = process.argv.slice(2);
const transport = pino.transport({
  target: 'pino-loki',
  options: { host, labels: { service, env: 'test' }, structuredMetaKey: 'meta' },
});
const time = Date.now() - 5000;
const log = pino({ base: { hostname: 'till-1' }, timestamp: () => `,"time":${time}` }, transport);
log.error({ order: 17, meta: { trace_id: '5b8efff798038103d269b633813fc60c' } }, 'order 17 is not paid: 카드');
// Remaining lines are sent when the process ends.
console.log(JSON.stringify({ time: time / 1000 }));
