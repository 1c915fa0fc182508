// winston's own HTTP transport: node winston-http.mjs PORT SERVICE single|batch
import winston from 'winston';

const [port, service, mode] = process.argv.slice(2);
const transport = new winston.transports.Http({
  host: '127.0.0.1',
  port: Number(port),
  path: '/api/v1/push',
  batch: mode === 'batch',
  batchCount: 2,
});
transport.on('warn', (error) => {
  console.error(error);
  process.exitCode = 1;
});
const { combine, errors, json } = winston.format;
const logger = winston.createLogger({
  defaultMeta: { service, hostname: 'till-1' },
  format: combine(errors({ stack: true }), json()),
  transports: [transport],
});
const time = new Date(Date.now() - 5000);
const more = { timestamp: time.toISOString(), order: 17, trace_id: '5b8efff798038103d269b633813fc60c' };
logger.error('order 17 is not paid: 카드', more);
logger.error(Object.assign(new Error('no such card'), more));
console.log(JSON.stringify({ time: time / 1000 }));
