// A service that ends with an uncaught exception.
//
//   { transport }
import winston from 'winston';
import { LogboomTransport, type LogboomTransportOptions } from '../../src';

const { transport } = JSON.parse(process.argv[2] ?? '') as { readonly transport: LogboomTransportOptions };
winston.createLogger({ transports: [new LogboomTransport(transport)] });
setTimeout(() => {
  throw new RangeError('out of luck');
}, 1);
