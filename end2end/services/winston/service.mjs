// A service that logs the lines of its parent process, and reports each acknowledgement.
//
//   node service.mjs ADDRESS NODE
import winston from 'winston';
import { LogStreamTransport } from './transport.mjs';

const [address, node] = process.argv.slice(2);
const transport = new LogStreamTransport({ address, node });
transport.on('logged', () => process.send({ logged: true }));
transport.on('refused', (_line, error) => process.send({ logged: false, reason: error?.details ?? 'refused' }));

const { combine, timestamp, colorize } = winston.format;
const logger = winston.createLogger({
  levels: winston.config.npm.levels,
  level: 'silly',
  // The form with a colon before the milliseconds, and the terminal colours that many services
  // leave in.
  format: combine(timestamp({ format: 'YYYY-MM-DD HH:mm:ss:SSS' }), colorize({ level: true })),
  transports: [transport],
});

process.on('message', ({ level, message }) => logger.log({ level, message }));
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
