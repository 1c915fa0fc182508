// The wire format of these services: JSON objects terminated by `¶`, over TCP.
import { StringDecoder } from 'node:string_decoder';

/** Calls `take` with each packet received on the socket. */
export function read(socket, take) {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  socket.on('data', (bytes) => {
    const packets = (begun + decoder.write(bytes)).split('¶');
    begun = packets.pop();
    packets.forEach((packet) => take(JSON.parse(packet)));
  });
}

export function packet(uri, method, key, params) {
  return `${JSON.stringify({ uri, method, key, params })}¶`;
}
