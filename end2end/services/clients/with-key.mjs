// Clients with a key, each as its documentation says: node with-key.mjs CLIENT ADDRESS SERVICE. The key is LOGBOOM_KEY.
const [client, address, service] = process.argv.slice(2);
const key = process.env.LOGBOOM_KEY;
const message = `sent by ${client}`;

/** Elastic's client, which stores one document. */
async function elasticsearch(auth) {
  const { Client } = await import('@elastic/elasticsearch');
  const elastic = new Client({ node: address, auth, maxRetries: 0 });
  await elastic.index({ index: service, document: { message } });
  await elastic.close();
}

/** pino, with a transport that reports its failures. */
async function pino(transport) {
  const { default: pino } = await import('pino');
  pino({}, transport).info(message);
}

const clients = {
  'elasticsearch-api-key': () => elasticsearch({ apiKey: key }),
  'elasticsearch-basic': () => elasticsearch({ username: 'shop', password: key }),
  'pino-elasticsearch': async () => {
    const { default: pinoElasticsearch } = await import('pino-elasticsearch');
    const stream = pinoElasticsearch({ node: address, index: service, esVersion: 8, opType: 'create', auth: { apiKey: key } });
    const failed = (error) => {
      console.error(error);
      process.exitCode = 1;
    };
    stream.on('error', failed).on('insertError', failed);
    await pino(stream);
    stream.end();
  },
  'pino-loki': async () => {
    const { pinoLoki } = await import('pino-loki');
    const basicAuth = { username: 'shop', password: key };
    const stream = pinoLoki({ host: address, labels: { service }, basicAuth, batching: false });
    await pino(stream);
    await new Promise((resolve) => stream.end(resolve));
  },
  'winston-loki': async () => {
    const { default: winston } = await import('winston');
    const { default: LokiTransport } = await import('winston-loki');
    const format = winston.format.json();
    const onConnectionError = (error) => {
      console.error(error);
      process.exitCode = 1;
    };
    // A tenant is what Loki's clients name beside the user; it is ignored here.
    const headers = { 'X-Scope-OrgID': 'team' };
    const transport = new LokiTransport({ host: address, labels: { service }, json: true, format, headers, basicAuth: `shop:${key}`, onConnectionError });
    winston.createLogger({ transports: [transport] }).info(message);
    await transport.close();
  },
  'winston-http': async () => {
    const { default: winston } = await import('winston');
    const { hostname: host, port } = new URL(address);
    const auth = { bearer: key };
    const transport = new winston.transports.Http({ host, port: Number(port), path: '/api/v1/push', auth });
    const logged = new Promise((resolve, reject) => transport.on('logged', resolve).on('warn', reject));
    winston.createLogger({ defaultMeta: { service }, transports: [transport] }).info(message);
    await logged;
  },
  // Takes the key from the environment by itself.
  'logboom-winston': async () => {
    const { LogboomTransport } = await import('logboom-winston');
    const transport = new LogboomTransport({ address, service, fallback: 'drop', flushTimeoutMs: 5000 });
    transport.on('warn', (denied) => console.error(denied.message));
    transport.log({ level: 'info', message }, () => {});
    await transport.close();
    if (transport.counters.acknowledged !== 1) process.exitCode = 1;
  },
  // Fluentd's own client for Node.js; the shared key of the forward protocol.
  fluent: async () => {
    const { FluentClient } = await import('@fluent-org/logger');
    const { hostname: host, port } = new URL(address);
    const security = { clientHostname: 'till-1', sharedKey: key };
    const fluent = new FluentClient(service, { security, ack: { ackTimeout: 10_000 }, socket: { host, port: Number(port), timeout: 10_000 } });
    await Promise.all([fluent.emit({ message }), fluent.flush?.()]);
    await fluent.disconnect();
  },
};

await clients[client]();
console.log(JSON.stringify({ time: Date.now() / 1000 }));
