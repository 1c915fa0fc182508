// Who may delete records, and what the audit knows of it.
import { guarded, logIn, PASSWORD } from '../fixtures/access.ts';
import { unique } from '../fixtures/api.ts';
import { EVERYTHING, records } from '../fixtures/deletions.ts';
import { until } from '../fixtures/process.ts';
import { expect, test } from '../fixtures/test.ts';

test('viewers and editors may not delete, and what an admin deletes is in the audit, which cannot be deleted', async ({ engines }) => {
  const { doors, admin } = await guarded(engines);
  try {
    const service = unique('guarded');
    await admin.store(...records(service, 10));
    for (const role of ['viewer', 'editor'] as const) {
      const name = `${role}-${service}`;
      await admin.createUser({ name, password: PASSWORD, role });
      const caller = await logIn(doors.url, name, PASSWORD);
      for (const [method, path] of [
        ['POST', '/api/v1/deletions/preview'],
        ['POST', '/api/v1/deletions'],
        ['GET', '/api/v1/deletions'],
        ['GET', '/api/v1/deletions/1'],
        ['DELETE', '/api/v1/deletions/1'],
        ['POST', '/system/deletions'],
      ] as const) {
        const body = method === 'POST' ? { query: `service:${service}`, position: '1', records: 10 } : undefined;
        expect((await caller.call(method, path, body)).status, `${role}: ${method} ${path}`).toBe(403);
      }
      const system = await fetch(`${doors.url}/system`, { headers: { ...caller.headers, accept: 'text/html' } });
      expect(await system.text()).not.toContain('deletion-form');
    }
    const audit = 'service:logboom audit:true';
    const noted = async (word: string) => (await admin.logs(`${audit} "${word}"`, EVERYTHING)).length > 0;
    await until('a user is in the audit', () => noted(`viewer-${service}`));
    const query = `service:${service} OR service:logboom`;
    const { position, records: confirmed } = await admin.ask('POST', '/api/v1/deletions/preview', { query });
    const { id } = await admin.ask('POST', '/api/v1/deletions', { query, position, records: confirmed });
    await until('it is done', async () => (await admin.ask('GET', `/api/v1/deletions/${id}`)).state === 'done');
    expect(await admin.ask('GET', `/api/v1/deletions/${id}`)).toMatchObject({ by: 'user admin' });
    expect(await admin.logs(`service:${service}`, EVERYTHING)).toHaveLength(0);
    expect(await noted(`viewer-${service}`), 'the audit stays').toBe(true);
    for (const words of [`started the deletion ${id}`, `had the server end the deletion ${id}`]) {
      await until(`"${words}" is in the audit`, () => noted(words));
    }
  } finally {
    await doors.remove();
  }
});
