import { setImmediate as nextTurn } from 'node:timers/promises';
import Transport = require('winston-transport');
import type { Counters } from './delivery/counters';
import { Delivery } from './delivery/delivery';
import type { AllEvents } from './events';
import { unwatchExit, watchExit } from './exit';
import { fallbackOf } from './fallback/choose';
import type { LogboomTransportOptions } from './options';
import { type Info, recordFromInfo } from './record/from-info';
import type { Sender } from './record/record';
import { type Settings, settingsOf } from './settings';
import { credentialsOf } from './wire/credentials';
import { Connection } from './wire/stream';

// The types of the events: those of the transport, of a stream, and any others.
export interface LogboomTransport {
  on<E extends keyof AllEvents>(event: E, listener: (...details: AllEvents[E]) => void): this;
  on(event: string | symbol, listener: (...details: never[]) => void): this;
  once<E extends keyof AllEvents>(event: E, listener: (...details: AllEvents[E]) => void): this;
  once(event: string | symbol, listener: (...details: never[]) => void): this;
}

/**
 * Sends the records of winston to Logboom. It connects when there is something to send. It never
 * throws, blocks or emits `error` because of the server: records that cannot be sent, also for want
 * of a key, wait within limits, and past them go to the fallback.
 */
export class LogboomTransport extends Transport {
  private readonly sender: Sender;
  private readonly delivery: Delivery;
  private closing: Promise<void> | undefined;

  /** @throws {TypeError} naming the invalid option. */
  constructor(options: LogboomTransportOptions) {
    // First, because the base class would handle invalid options differently.
    const settings = settingsOf(options);
    super(options);
    this.sender = { service: settings.service, node: settings.node };
    this.delivery = this.deliveryOf(settings);
    watchExit(this.delivery);
  }

  /** The numbers of records by state. */
  get counters(): Counters {
    return this.delivery.counters;
  }

  /** Called by winston for every record. */
  override log(info: Info, next: () => void): void {
    this.delivery.accept(recordFromInfo(info, this.sender, Date.now()));
    next();
  }

  /**
   * Resolves when all earlier records are acknowledged by the server or in the fallback; without a
   * timeout while the server is unavailable.
   */
  async flush(): Promise<void> {
    // Records of the current turn may still pass through the logger's streams.
    await nextTurn();
    await this.delivery.flush();
  }

  /**
   * Flushes within `flushTimeoutMs`, writes the rest to the fallback, and disconnects. Later
   * records go to the fallback. winston calls it when the transport is removed from its logger.
   */
  override close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  /** Called by the stream after `end()`, and therefore by `logger.end()`: `finish` waits for it. */
  override _final(callback: () => void): void {
    void this.close().then(callback);
  }

  private async finish(): Promise<void> {
    await nextTurn();
    await this.delivery.close();
    unwatchExit(this.delivery);
  }

  private deliveryOf(settings: Settings): Delivery {
    // The key goes to the connection alone, so that no object that a program may print has it.
    const { address, tls, key, ...limits } = settings;
    const credentials = credentialsOf(tls);
    return new Delivery(
      {
        ...limits,
        sender: this.sender,
        fallback: fallbackOf(settings.fallback),
        connect: () => new Connection(address, credentials, tls?.serverName, key),
      },
      (event, ...details) => this.emit(event, ...details),
    );
  }
}
