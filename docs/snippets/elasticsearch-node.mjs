import { Client } from '@elastic/elasticsearch';

const client = new Client({ node: 'http://127.0.0.1:3000' });
await client.bulk({
  operations: [{ create: { _index: 'shop' } }, { level: 'info', message: 'hello from elasticsearch-node' }],
});
