// pino's transport to Elasticsearch: node pino-elasticsearch.mjs NODE INDEX
import pino from 'pino';
import pinoElasticsearch from 'pino-elasticsearch';

const [node, index] = process.argv.slice(2);
const stream = pinoElasticsearch({ node, index, esVersion: 8, opType: 'create' });
const failed = (error) => {
  console.error(error);
  process.exitCode = 1;
};
stream.on('error', failed);
stream.on('insertError', failed);
const time = Date.now() - 5000;
stream.on('insert', () => console.log(JSON.stringify({ time: time / 1000 })));
const trace = { id: '5b8efff798038103d269b633813fc60c' };
const log = pino({ base: { hostname: 'till-1' }, timestamp: () => `,"time":${time}` }, stream);
log.error({ order: 17, trace }, 'order 17 is not paid: 카드');
stream.end();
