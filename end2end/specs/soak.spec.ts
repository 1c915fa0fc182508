// A live view over a long time: memory and page size must not grow.
//
// One minute here; `make soak` runs ten. LOGBOOM_SOAK_SECONDS sets the duration.
import { unique } from '../fixtures/api.ts';
import { expect, test } from '../fixtures/test.ts';

const seconds = Number(process.env.LOGBOOM_SOAK_SECONDS ?? 60);
const rate = 2_000;
/** More than the 2,000 rows of a live view can have. */
const NODES = 40_000;
/** Bytes; a hundred per record of one minute. */
const LEAK = 8_000_000;

// Tracing for a report takes frames and memory itself.
test.use({ trace: 'off', screenshot: 'off' });

test('a live view stays as small and as smooth as it was', async ({ api, explore, page }, info) => {
  test.setTimeout((seconds + 300) * 1000);
  const service = unique('soak');
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  // The module does not export its memory.
  await page.addInitScript(() => {
    const original = WebAssembly.instantiateStreaming;
    WebAssembly.instantiateStreaming = async (...options) => {
      const made = await original(...options);
      (window as any).memory_ = made.instance.exports.memory;
      return made;
    };
  });
  const wasmBytes = () => (window as any).memory_.buffer.byteLength as number;
  await explore.openLive(`service:${service}`);
  // The backlog of a long pause is rendered before the first measurement: WebAssembly's memory
  // never shrinks, so a later pause of a busy machine would look like growth.
  const burst = (round: number) =>
    api.push(...Array.from({ length: 2 * rate }, (_, n) => ({ service, message: `burst ${round} ${n}`, seq: n })));
  for (let round = 0; round < 3; round += 1) {
    const paused = page.evaluate(() => {
      for (const end = performance.now() + 1_000; performance.now() < end; );
    });
    await burst(round);
    await paused;
  }

  let sent = 0;
  const begun = Date.now();
  let stop = false;
  const sender = (async () => {
    while (!stop) {
      // After a pause of the machine more is due than one call takes.
      const due = Math.min(5_000, Math.floor(((Date.now() - begun) / 1000) * rate) - sent);
      if (due >= rate / 10) {
        await api.push(...Array.from({ length: due }, (_, n) => ({ service, message: `tick ${sent + n}`, seq: sent + n })));
        sent += due;
      } else {
        await new Promise((done) => setTimeout(done, 20));
      }
    }
  })();

  const look = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    const { metrics } = await devtools.send('Performance.getMetrics');
    const metric = (name: string) => metrics.find((metric) => metric.name === name)!.value;
    return { heap: metric('JSHeapUsedSize'), nodes: metric('Nodes'), wasm: await page.evaluate(wasmBytes) };
  };
  // The first part fills all bounded buffers.
  const settle = Math.min(60, seconds / 3) * 1000;
  await page.waitForTimeout(settle);
  const first = await look();
  // Only now, because measuring collects all garbage at once, which takes frames.
  await page.evaluate(() => {
    const seen = { worst: 0, slow: [] as number[], frames: 0, last: performance.now(), wasm: [] as number[] };
    (window as any).frames_ = seen;
    const frame = (now: number) => {
      const took = now - seen.last;
      seen.last = now;
      seen.frames += 1;
      seen.worst = Math.max(seen.worst, took);
      // The time, to correlate other events.
      if (took > 100) seen.slow.push(now);
      const bytes = (window as any).memory_.buffer.byteLength;
      if (bytes !== seen.wasm.at(-1)) seen.wasm.push(now, bytes);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await page.waitForTimeout(seconds * 1000 - settle);
  const frames = await page.evaluate(() => (window as any).frames_);
  const last = await look();
  stop = true;
  await sender;
  info.annotations.push({ type: 'figures', description: JSON.stringify({ sent, first, last, frames }) });
  console.log('soak:', JSON.stringify({ seconds, sent, first, last, frames }));

  // Many times what the view keeps; how many a debug build takes depends on the machine.
  expect(sent).toBeGreaterThan(20_000);
  expect(last.heap).toBeLessThan(first.heap * 1.1 + 2_000_000);
  // The number of rows near the screen varies by a block or two; a leak would be a million nodes
  // per minute.
  expect(last.nodes).toBeLessThan(NODES);
  expect(first.wasm).toBeGreaterThan(0);
  // A longer pause than those above takes a few blocks more, once; a leak of the records would be
  // tens of millions of bytes per minute.
  expect(last.wasm).toBeLessThan(first.wasm * 1.1 + LEAK);
  // New records are still shown.
  await api.push({ service, message: 'the last of all' });
  await expect(explore.messages.last()).toHaveText('the last of all');
});
