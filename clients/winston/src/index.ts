export type { Counters } from './delivery/counters';
export type { Disconnection, Overflow, Refusal, TransportEvents } from './events';
export type { FallbackOption, LogboomOptions, LogboomTransportOptions, TlsOptions, WinstonOptions } from './options';
export type { Attribute, LogRecord, Value } from './record/record';
export { LogboomTransport } from './transport';
