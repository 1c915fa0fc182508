// Tests the notifications to systemd of one process and of an agent (docs/operation.md). workers.spec.ts tests those of
// workers.
import { freePort, until } from '../fixtures/process.ts';
import { type Engines, Program } from '../fixtures/program.ts';
import { Systemd } from '../fixtures/systemd.ts';
import { expect, test } from '../fixtures/test.ts';

const programs: [string, (engines: Engines) => Promise<Program>][] = [
  ['one process', (engines) => Program.unstarted(engines)],
  ['an agent', async () => Program.unstartedAgent('--to', `tcp://127.0.0.1:${await freePort()}`)],
];

for (const [name, unstarted] of programs) {
  test(`systemd hears from ${name} that it is ready, alive, and ending`, async ({ engines }) => {
    const program = await unstarted(engines);
    const systemd = await Systemd.start(program.file('notify'));
    const sent = (message: string) => systemd.messages.filter((line) => line === message).length;
    Object.assign(program.environment, systemd.environment(1));
    try {
      await program.start();
      await until('READY', async () => sent('READY=1') === 1);
      await until('two signs of life', async () => sent('WATCHDOG=1') >= 2);
      expect(sent('STOPPING=1')).toBe(0);
      await program.stop();
      await until('STOPPING', async () => sent('STOPPING=1') === 1);
      expect(systemd.messages.filter((line) => line !== 'WATCHDOG=1')).toEqual(['READY=1', 'STOPPING=1']);
    } finally {
      await program.remove();
      await systemd.stop();
    }
  });
}
