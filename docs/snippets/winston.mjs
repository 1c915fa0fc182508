import winston from 'winston';
import { LogboomTransport } from 'logboom-winston';

const logger = winston.createLogger({
  transports: [new LogboomTransport({ address: '127.0.0.1:4317', service: 'shop' })],
});
logger.info('hello from winston', { order: 17 });
