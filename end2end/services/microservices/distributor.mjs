// A service registry: services register on a connection that stays open, and each gets the list of
// all others.
//
//   node distributor.mjs PORT
import { createServer } from 'node:net';
import { packet, read } from './packets.mjs';

const services = new Map();

function tell(sockets) {
  const all = packet('/distributes', 'GET', 0, [...services.values()]);
  sockets.forEach((socket) => socket.write(all));
}

const server = createServer((socket) => {
  read(socket, ({ uri, method, key, params }) => {
    if (`${method}${uri}` !== 'POST/distributes' || key !== 0) return socket.destroy();
    const host = params.host ?? socket.remoteAddress.replace('::ffff:', '');
    services.set(socket, { ...params, host });
    process.send({ registered: services.get(socket) });
    tell([...services.keys()]);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    services.delete(socket);
    tell([...services.keys()]);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.send({ ready: true }));
process.on('disconnect', () => process.exit(0));
