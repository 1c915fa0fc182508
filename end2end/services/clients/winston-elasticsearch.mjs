// winston's transport to Elasticsearch: node winston-elasticsearch.mjs NODE INDEX
import winston from 'winston';
import { ElasticsearchTransport } from 'winston-elasticsearch';

const [node, index] = process.argv.slice(2);
const transport = new ElasticsearchTransport({ index, clientOpts: { node } });
transport.on('warning', (error) => console.error(error));
const time = new Date(Date.now() - 5000);
const logger = winston.createLogger({ transports: [transport] });
logger.error('order 17 is not paid: 카드', {
  timestamp: time.toISOString(),
  order: 17,
  'trace.id': '5b8efff798038103d269b633813fc60c',
});
logger.on('finish', () => console.log(JSON.stringify({ time: time / 1000 })));
logger.end();
