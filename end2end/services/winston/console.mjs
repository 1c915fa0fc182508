// A service with the transport of clients/winston. It logs the lines that its parent process asks for, and answers
// with the transport's counters. It has nothing else to do, so it ends when the parent disconnects.
//
//   node console.mjs OPTIONS
import { setTimeout as sleep } from 'node:timers/promises';
import { LogboomTransport } from 'logboom-winston';
import winston from 'winston';

const transport = new LogboomTransport(JSON.parse(process.argv[2]));
const logger = winston.createLogger({ transports: [transport] });

process.on('message', async ({ from, to, flush }) => {
  for (let n = from; n < to; n += 1) logger.info(`line ${n}`, { n });
  // winston hands lines on a little later.
  while (transport.counters.received < to) await sleep(1);
  if (flush) await transport.flush();
  process.send(transport.counters);
});
