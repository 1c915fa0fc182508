// The server restarts while a page is open: no record is missed, and none is shown twice.
import { expect, test } from '../fixtures/test.ts';

for (const [how, end] of [
  ['killed', 'kill'],
  ['stopped', 'stop'],
] as const) {
  test(`a page goes on where it was after the server is ${how} and started again`, async ({
    program,
    service,
    explore,
  }) => {
    await explore.openLive(`node:${service.node}`);
    const lines = ['before 1', 'before 2', 'before 3'];
    for (const line of lines) await service.log('info', line);
    await expect(explore.messages).toHaveText(lines);

    await program[end]();
    await expect(explore.page.getByTestId('live-status')).not.toHaveAttribute('data-state', 'live');
    // Shown records stay.
    await expect(explore.messages).toHaveText(lines);

    // Logged while the server is down, and right after its restart, before the page reconnects.
    const away = service.log('warn', 'while it was away');
    await program.start();
    await away;
    for (const n of [1, 2, 3]) await service.log('info', `after ${n}`);

    await explore.expectState('live');
    await expect(explore.messages).toHaveText([...lines, 'while it was away', 'after 1', 'after 2', 'after 3']);
  });
}
