// Measures how many records per second one process delivers, and their cost.
//
//   LOGBOOM_PROGRAM=… npm run bench
import { setImmediate as turn } from 'node:timers/promises';
import winston from 'winston';
import Transport from 'winston-transport';
import { LogboomTransport } from '../src';
import { Server } from './support/server';

const RECORDS = 500_000;
/** Logged without a pause, like a service between two awaits. */
const RUN = 200;

/** winston's own cost: a transport that does nothing. */
class Nowhere extends Transport {
  override log(_info: unknown, next: () => void): void {
    next();
  }
}

async function log(transport: Transport, records: number): Promise<void> {
  const logger = winston.createLogger({ transports: [transport] });
  for (let n = 0; n < records; n += 1) {
    logger.info('request served', { n, path: '/api/orders', status: 200, duration_ms: n / 7, user: 'user-4711' });
    if (n % RUN === 0) await turn();
  }
}

async function measure(what: string, work: () => Promise<void>): Promise<void> {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round(RECORDS / seconds).toLocaleString('en');
  console.log(`${what}: ${rate} records/s, ${((user + system) / RECORDS).toFixed(2)} µs of CPU each`);
}

async function main(): Promise<void> {
  const server = await Server.start();
  try {
    const transport = new LogboomTransport({
      address: server.address,
      service: 'bench',
      maxBufferedRecords: RECORDS,
      maxBufferedBytes: 2 ** 32,
    });
    await log(new Nowhere(), 50_000);
    await log(transport, 50_000);
    await transport.flush();
    await measure('winston alone', () => log(new Nowhere(), RECORDS));
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, transport.counters.buffered)), 20);
    await measure('to the server, acknowledged', async () => {
      await log(transport, RECORDS);
      await transport.flush();
    });
    clearInterval(watch);
    console.log(`buffered at most: ${most} records`, transport.counters);
    await transport.close();
  } finally {
    await server.remove();
  }
}

void main();
