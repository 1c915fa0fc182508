// Elastic's client: node elasticsearch-client.mjs NODE INDEX
import { Client } from '@elastic/elasticsearch';

const [node, index] = process.argv.slice(2);
const client = new Client({ node, compression: true });
const info = await client.info();
const time = new Date(Date.now() - 5000);
const document = (n) => ({
  '@timestamp': new Date(time.getTime() + n).toISOString(),
  message: `order ${n} is not paid: 카드`,
  log: { level: 'error' },
  host: { name: 'till-1' },
  trace: { id: '5b8efff798038103d269b633813fc60c' },
  order: n,
});
const bulk = await client.helpers.bulk({
  datasource: [17, 18].map(document),
  onDocument: () => ({ create: { _index: index } }),
  onDrop: ({ error }) => console.error('dropped', error),
  refreshOnCompletion: index,
});
const indexed = await client.index({ index, document: document(19), refresh: 'wait_for' });
const pinged = await client.ping();
await client.close();
console.log(JSON.stringify({ time: time / 1000, info, bulk, indexed, pinged }));
