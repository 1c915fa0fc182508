const LEAST_MS = 100;
const MOST_MS = 5000;

/**
 * The delays between connection attempts: each about twice the last, from 100 ms to 5 s. Half of
 * each is random, to spread the reconnections after a restart of the server.
 */
export class Backoff {
  private attempts = 0;

  constructor(private readonly random: () => number = Math.random) {}

  next(): number {
    const ceiling = Math.min(MOST_MS, 2 * LEAST_MS * 2 ** this.attempts);
    this.attempts += 1;
    return Math.round((ceiling * (1 + this.random())) / 2);
  }

  /** Resets the delay after success. */
  reset(): void {
    this.attempts = 0;
  }
}
