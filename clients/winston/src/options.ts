import type { TransportStreamOptions } from 'winston-transport';

/** Certificates of an encrypted connection, as PEM. The options `ca`, `cert` and `clientKey` are shorter. */
export interface TlsOptions {
  /** The trusted certificate authorities. Default: those of Node.js. */
  readonly ca?: string | Buffer;
  /** The client certificate, for servers that require one; with `key`. */
  readonly cert?: string | Buffer;
  /** The key of `cert`. */
  readonly key?: string | Buffer;
  /** The expected name in the server's certificate. Default: the host of the address. */
  readonly serverName?: string;
}

/** The destination of records that cannot be sent to the server. */
export type FallbackOption = 'console' | 'drop' | { readonly file: string };

/** The options of the transport itself. */
export interface LogboomOptions {
  /**
   * The server's gRPC: `host:port`, `http://host:port`, or `https://host:port` for an encrypted
   * connection. Default: `127.0.0.1:4317`.
   */
  readonly address?: string;
  /**
   * The key that the server asks for, 1 to 256 visible ASCII characters. Default: the environment
   * variable `LOGBOOM_KEY`; without it, no key is sent.
   */
  readonly key?: string;
  /**
   * The trusted certificate authority of an `https` address: PEM text, or the path of a PEM file.
   * Default: those of Node.js.
   */
  readonly ca?: string;
  /** The client certificate, for servers that require one; PEM text or a path, with `clientKey`. */
  readonly cert?: string;
  /** The private key of `cert`; PEM text or a path. */
  readonly clientKey?: string;
  /** The name of this service, for records without their own `service`; 1 to 256 bytes. */
  readonly service: string;
  /**
   * The name of this machine or instance, for records without their own `node`; 1 to 256 bytes.
   * Default: the host name.
   */
  readonly node?: string;
  /**
   * Encrypts the connection to an address without a scheme, and names the expected server. Default:
   * `true` for an `https` address, else `false`.
   */
  readonly tls?: boolean | TlsOptions;
  /** The maximum number of records per batch; 1 to 10,000. Default: 500. */
  readonly batchRecords?: number;
  /** The milliseconds after which an incomplete batch is sent; 0 to 60,000. Default: 100. */
  readonly batchDelayMs?: number;
  /**
   * The maximum number of records in memory; 1 to 10,000,000. Past it, new records go to the
   * fallback. Default: 10,000.
   */
  readonly maxBufferedRecords?: number;
  /**
   * The maximum encoded bytes in memory; 1,024 to 4 GiB. Past it, new records go to the
   * fallback. Default: 16 MiB.
   */
  readonly maxBufferedBytes?: number;
  /**
   * The destination of records that cannot be sent to the server: standard error, a file, or
   * none. Default: `'console'`.
   */
  readonly fallback?: FallbackOption;
  /** The timeout in milliseconds of `close()` and of the end of the process; 0 to 600,000. Default: 5000. */
  readonly flushTimeoutMs?: number;
}

/** The options of every winston transport. */
export type WinstonOptions = Omit<TransportStreamOptions, 'log' | 'logv' | 'close'>;

export type LogboomTransportOptions = LogboomOptions & WinstonOptions;
