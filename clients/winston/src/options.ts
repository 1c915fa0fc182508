import type { TransportStreamOptions } from 'winston-transport';

/** The certificates of an encrypted connection, as PEM. */
export interface TlsOptions {
  /** Whom to trust. Default: the authorities that Node.js trusts. */
  readonly ca?: string | Buffer;
  /** Our own certificate, for servers that ask for one; with `key`. */
  readonly cert?: string | Buffer;
  /** The key of `cert`. */
  readonly key?: string | Buffer;
  /** The name in the server's certificate. Default: the host of the address. */
  readonly serverName?: string;
}

/** Where records go that cannot go to the server. */
export type FallbackOption = 'console' | 'drop' | { readonly file: string };

/** The options of the transport itself. */
export interface LogboomOptions {
  /** `host:port` of the server's gRPC. Default: `127.0.0.1:4317`. */
  readonly address?: string;
  /** The name of this service, for records that have no `service` of their own; 1 to 256 bytes. */
  readonly service: string;
  /** The name of this machine or instance, for records that have no `node` of their own; 1 to 256 bytes. Default: the host's name. */
  readonly node?: string;
  /** Encrypts the connection. Default: `false`. */
  readonly tls?: boolean | TlsOptions;
  /** The records at which a batch is sent; 1 to 10,000. Default: 500. */
  readonly batchRecords?: number;
  /** The milliseconds after which a batch is sent that is not full; 0 to 60,000. Default: 100. */
  readonly batchDelayMs?: number;
  /** The records that wait in memory; 1 to 10,000,000. Past it the newest go to the fallback. Default: 10,000. */
  readonly maxBufferedRecords?: number;
  /** The bytes, encoded, that wait in memory; 1,024 to 4 GiB. Past it the newest go to the fallback. Default: 16 MiB. */
  readonly maxBufferedBytes?: number;
  /** Where records go that cannot go to the server: standard error, a file, nowhere. Default: `'console'`. */
  readonly fallback?: FallbackOption;
  /** The milliseconds that `close()`, and the end of the process, wait for the server; 0 to 600,000. Default: 5000. */
  readonly flushTimeoutMs?: number;
}

/** What every winston transport understands. */
export type WinstonOptions = Omit<TransportStreamOptions, 'log' | 'logv' | 'close'>;

export type LogboomTransportOptions = LogboomOptions & WinstonOptions;
