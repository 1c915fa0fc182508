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

// The types of the events: the transport's own, a stream's, and whatever others emit on it.
export interface LogboomTransport {
  on<E extends keyof AllEvents>(event: E, listener: (...details: AllEvents[E]) => void): this;
  on(event: string | symbol, listener: (...details: never[]) => void): this;
  once<E extends keyof AllEvents>(event: E, listener: (...details: AllEvents[E]) => void): this;
  once(event: string | symbol, listener: (...details: never[]) => void): this;
}

/**
 * Sends what winston logs to Logboom.
 *
 * It connects when there is something to send, and never throws, blocks or emits `error`
 * because of the server: what cannot be sent waits within bounds, and past them goes to
 * the fallback.
 */
export class LogboomTransport extends Transport {
  private readonly sender: Sender;
  private readonly delivery: Delivery;
  private closing: Promise<void> | undefined;

  /** @throws {TypeError} that names the option which is wrong. */
  constructor(options: LogboomTransportOptions) {
    // First, because the base class would take wrong options apart in its own way.
    const settings = settingsOf(options);
    super(options);
    this.sender = { service: settings.service, node: settings.node };
    this.delivery = this.deliveryOf(settings);
    watchExit(this.delivery);
  }

  /** What has become of the records so far. */
  get counters(): Counters {
    return this.delivery.counters;
  }

  /** Called by winston for every info. */
  override log(info: Info, next: () => void): void {
    this.delivery.accept(recordFromInfo(info, this.sender, Date.now()));
    next();
  }

  /**
   * Resolves when everything that was logged before is acknowledged by the server or has
   * gone to the fallback; without a limit of time while the server is away.
   */
  async flush(): Promise<void> {
    // What a logger has taken in this turn may still be on its way through its streams.
    await nextTurn();
    await this.delivery.flush();
  }

  /**
   * Flushes within `flushTimeoutMs`, hands the rest to the fallback, and disconnects. What
   * is logged afterwards goes to the fallback. winston calls it when the transport is
   * removed from its logger.
   */
  override close(): Promise<void> {
    this.closing ??= this.finish();
    return this.closing;
  }

  /** Called by the stream after `end()`, and so by `logger.end()`: `finish` waits for it. */
  override _final(callback: () => void): void {
    void this.close().then(callback);
  }

  private async finish(): Promise<void> {
    await nextTurn();
    await this.delivery.close();
    unwatchExit(this.delivery);
  }

  private deliveryOf(settings: Settings): Delivery {
    const { address, tls } = settings;
    const credentials = credentialsOf(tls);
    return new Delivery(
      {
        ...settings,
        sender: this.sender,
        fallback: fallbackOf(settings.fallback),
        connect: () => new Connection(address, credentials, tls?.serverName),
      },
      (event, ...details) => this.emit(event, ...details),
    );
  }
}
