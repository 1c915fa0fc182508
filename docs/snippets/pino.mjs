import pino from 'pino';

const transport = pino.transport({
  target: 'pino-loki',
  options: { host: 'http://127.0.0.1:3000', labels: { service: 'shop' }, batching: { interval: 1 } },
});
pino(transport).info({ order: 17 }, 'hello from pino');
