import winston from 'winston';

const logger = winston.createLogger({
  defaultMeta: { service: 'shop' },
  transports: [new winston.transports.Http({ host: '127.0.0.1', port: 3000, path: '/api/v1/push' })],
});
logger.info('hello from winston-http', { order: 17 });
