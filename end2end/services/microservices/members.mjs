// A service that finds the log server through the distributor and logs the lines of its parent
// process; without a log server, it logs to its console. When the connection ends, it connects to
// the place that the distributor announces next.
//
//   node members.mjs DISTRIBUTOR_PORT
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { packet, read } from './packets.mjs';

const distributor = connect(Number(process.argv[2]), '127.0.0.1');
const own = { port: 9020, name: 'members', urls: ['GET/members', 'POST/members'] };
let logs;
distributor.write(packet('/distributes', 'POST', 0, own));
read(distributor, ({ params }) => {
  const place = params.find(({ urls }) => urls.includes('POST/logs'));
  if (!place || logs) return;
  logs = connect(place.port, place.host);
  logs.setNoDelay(true);
  logs.on('connect', () => process.send({ place }));
  logs.on('error', () => {});
  logs.on('close', () => (logs = undefined));
});

const line = (params) => packet('/logs', 'POST', 0, params);
const writers = {
  /** One packet per line, all packets in one write. */
  together: (lines) => logs.write(lines.map(line).join('')),
  /** One packet, split every few bytes: within characters, and within the `¶`. */
  async pieces(lines, bytes) {
    const all = Buffer.from(lines.map(line).join(''));
    for (let at = 0; at < all.length; at += bytes) {
      logs.write(all.subarray(at, at + bytes));
      await sleep(2);
    }
  },
};

process.on('message', async ({ how, lines, bytes }) => {
  if (!logs) return console.log(lines);
  await writers[how](lines, bytes);
  process.send({ written: lines.length });
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
