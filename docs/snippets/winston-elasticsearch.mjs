import winston from 'winston';
import { ElasticsearchTransport } from 'winston-elasticsearch';

const logger = winston.createLogger({
  transports: [new ElasticsearchTransport({ index: 'shop', clientOpts: { node: 'http://127.0.0.1:3000' } })],
});
logger.info('hello from winston-elasticsearch', { order: 17 });
