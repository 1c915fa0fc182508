import type { Answer, Rejection } from '../wire/answer';
import { type Connection, isDenial, type LogStream } from '../wire/stream';
import { Backoff } from './backoff';
import type { Batch, Outbox } from './outbox';

/**
 * The timeout for the next response while batches are in flight. The server reports a failure after
 * 30 s itself.
 */
const SILENCE_MS = 40_000;
/** The timeout for the first response of a new stream. */
const CONNECT_MS = 10_000;
/**
 * How long an idle stream stays open. An open stream keeps the process alive, and a new one over
 * the same connection costs one round trip.
 */
const IDLE_MS = 250;
/** The longest pause that the server may request. */
const MOST_PAUSE_MS = 60_000;
/** The pause after a batch that the key may not send: another key needs a person. */
const DENIED_PAUSE_MS = 5000;

type Failed = Extract<Answer, { kind: 'failed' }>;

/** Receives the results of batches and changes of the connection. */
export interface LinkListener {
  acknowledged(batch: Batch, rejected: readonly Rejection[]): void;
  refused(batch: Batch, reason: string): void;
  /** The key is refused. All batches stay here. */
  denied(reason: string): void;
  connected(): void;
  disconnected(reason: string, retryInMs: number): void;
}

/**
 * Sends the batches of the outbox to the server.
 *
 * A stream is open while there is something to send, and a connection from the first stream
 * until one fails. Batches wait for the server's window, for the reconnection backoff, and for
 * a pause requested by the server. All timers are unreferenced: the link never keeps a process
 * alive longer than its stream.
 */
export class Link {
  private readonly backoff = new Backoff();
  private connection: Connection | undefined;
  private stream: LogStream | undefined;
  /** The maximum number of batches in flight; 0 until the server has sent it. */
  private window = 0;
  private isConnected = false;
  private reconnect: NodeJS.Timeout | undefined;
  private pause: NodeJS.Timeout | undefined;
  private silence: NodeJS.Timeout | undefined;
  private idle: NodeJS.Timeout | undefined;

  constructor(
    private readonly connect: () => Connection,
    private readonly outbox: Outbox,
    private readonly listener: LinkListener,
  ) {}

  /** Takes the next step: connects, sends or idles. Call it when there is more to send. */
  proceed(): void {
    if (this.outbox.hasUnsent && !this.reconnect && !this.pause) this.send();
    if (this.stream && this.window > 0 && this.outbox.inFlight === 0) {
      this.idle ??= setTimeout(() => this.endIfIdle(), IDLE_MS).unref();
    } else {
      this.idle = stopped(this.idle);
    }
  }

  /** Connects at once if waiting for the next attempt. */
  connectNow(): void {
    this.reconnect = stopped(this.reconnect);
    this.proceed();
  }

  /** Ends the stream if no batch is in flight. */
  endIfIdle(): void {
    if (this.outbox.inFlight > 0) return;
    this.stream?.finish();
    this.forgetStream();
  }

  /** Aborts the stream and the connection. Later batches use a new connection. */
  disconnect(): void {
    this.stream?.cancel();
    this.forgetStream();
    this.outbox.unsendAll();
    this.connection?.close();
    this.connection = undefined;
    this.isConnected = false;
    this.reconnect = stopped(this.reconnect);
  }

  private send(): void {
    if (!this.stream) return this.open();
    while (this.outbox.inFlight < this.window) {
      const batch = this.outbox.takeUnsent();
      if (!batch) return;
      this.stream.send(batch.request);
    }
  }

  private open(): void {
    this.connection ??= this.connect();
    this.stream = this.connection.open({
      answered: (answer) => this.answered(answer),
      ended: (reason, code) => {
        if (isDenial(code)) this.listener.denied(reason);
        this.lost(reason);
      },
    });
    this.limitSilence(CONNECT_MS);
  }

  private answered(answer: Answer): void {
    this.limitSilence(SILENCE_MS);
    switch (answer.kind) {
      case 'window':
        this.opened(answer.batches);
        break;
      case 'acknowledged':
        this.acknowledged(answer.sequence, answer.rejected);
        break;
      case 'failed':
        this.failed(answer);
        break;
      case 'unknown':
    }
    this.proceed();
  }

  private opened(batches: number): void {
    this.window = Math.max(1, batches);
    if (this.isConnected) return;
    this.isConnected = true;
    this.listener.connected();
  }

  private acknowledged(sequence: number, rejected: readonly Rejection[]): void {
    // Not earlier: a server that accepts connections but then fails must not cause fast
    // reconnections.
    this.backoff.reset();
    const batch = this.outbox.settle(sequence);
    if (batch) this.listener.acknowledged(batch, rejected);
  }

  private failed({ sequence, code, reason, retryAfterMs }: Failed): void {
    if (isDenial(code)) {
      this.listener.denied(reason);
      return this.pauseFrom(sequence, retryAfterMs ?? DENIED_PAUSE_MS);
    }
    if (retryAfterMs === undefined) {
      const batch = this.outbox.settle(sequence);
      if (batch) this.listener.refused(batch, reason);
      return;
    }
    this.pauseFrom(sequence, retryAfterMs);
  }

  /** All batches wait, because others would meet the same answer and overtake this one. */
  private pauseFrom(sequence: number, delayMs: number): void {
    this.outbox.unsend(sequence);
    this.pause ??= setTimeout(
      () => {
        this.pause = undefined;
        this.proceed();
      },
      Math.min(delayMs, MOST_PAUSE_MS),
    ).unref();
  }

  private lost(reason: string): void {
    this.disconnect();
    const delay = this.backoff.next();
    this.reconnect = setTimeout(() => this.connectNow(), delay).unref();
    this.listener.disconnected(reason, delay);
  }

  private limitSilence(limitMs: number): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(`no answer for ${limitMs} ms`), limitMs).unref();
  }

  private forgetStream(): void {
    this.stream = undefined;
    this.window = 0;
    this.silence = stopped(this.silence);
    this.idle = stopped(this.idle);
  }
}

function stopped(timer: NodeJS.Timeout | undefined): undefined {
  clearTimeout(timer);
  return undefined;
}
