// A service that logs, then ends, and reports the result.
//
//   { transport, count, then: 'nothing' | 'end' | 'exit' | 'flush' }
import winston from 'winston';
import { LogboomTransport, type LogboomTransportOptions } from '../../src';

interface Options {
  readonly transport: LogboomTransportOptions;
  readonly count: number;
  readonly then: 'nothing' | 'end' | 'exit' | 'flush';
}

const { transport: options, count, then } = JSON.parse(process.argv[2] ?? '') as Options;
const transport = new LogboomTransport(options);
const logger = winston.createLogger({ transports: [transport] });
for (let n = 0; n < count; n += 1) logger.info(`line ${n}`, { n });

process.on('exit', () => console.log(JSON.stringify(transport.counters)));
if (then === 'end') {
  logger.on('finish', () => console.log('finished'));
  logger.end();
}
if (then === 'flush') void transport.flush().then(() => console.log('flushed'));
if (then === 'exit') process.exit(3);
