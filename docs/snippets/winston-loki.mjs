import winston from 'winston';
import LokiTransport from 'winston-loki';

const transport = new LokiTransport({
  host: 'http://127.0.0.1:3000',
  labels: { service: 'shop' },
  json: true,
  format: winston.format.json(),
});
const logger = winston.createLogger({ transports: [transport] });
logger.info('hello from winston-loki', { order: 17 });
logger.close();
