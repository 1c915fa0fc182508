// An administrator of a server: logs in like a person, and manages keys.
import { until } from './until';

/** A new key. Its secret is shown once. */
export interface CreatedKey {
  readonly id: string;
  readonly secret: string;
}

export class Admin {
  private constructor(
    private readonly url: string,
    private readonly cookie: string,
  ) {}

  static async logIn(url: string, name: string, password: string): Promise<Admin> {
    const body = new URLSearchParams({ name, password });
    const answer = await fetch(`${url}/login`, { method: 'POST', body, redirect: 'manual', headers: { origin: url } });
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
    if (!cookie) throw new Error(`log-in answered ${answer.status}: ${await answer.text()}`);
    return new Admin(url, cookie);
  }

  async createKey(key: { name: string; scopes: readonly string[] }): Promise<CreatedKey> {
    const answer = await this.ask('/api/v1/keys', { method: 'POST', body: JSON.stringify(key) });
    return (await answer.json()) as CreatedKey;
  }

  async revoke(id: string): Promise<void> {
    await this.ask(`/api/v1/keys/${id}`, { method: 'DELETE' });
  }

  /** Waits until a service has `count` records, and returns the messages of all of them. */
  async stored(service: string, count: number): Promise<string[]> {
    return until(`${count} records of ${service} are stored`, async () => {
      const answer = await this.ask(`/api/v1/logs?query=service:${service}&limit=1000`);
      const { records } = (await answer.json()) as { records: { message: string }[] };
      return records.length >= count && records.map(({ message }) => message);
    });
  }

  private async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { cookie: this.cookie, origin: this.url, 'content-type': 'application/json' };
    const answer = await fetch(`${this.url}${path}`, { ...init, headers });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer;
  }
}
