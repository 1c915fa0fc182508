// Page object of the page at /.
import { expect, type Locator, type Page } from '@playwright/test';

export class Explore {
  constructor(readonly page: Page) {}

  /** Opens a view and waits until the page is interactive. */
  async open(view: { q?: string; range?: string; from?: string; to?: string } = {}): Promise<void> {
    await this.page.goto(`/?${new URLSearchParams(view)}`);
    await this.ready();
  }

  async ready(): Promise<void> {
    await expect(this.page.locator('body[data-hydrated=true]')).toBeAttached();
  }

  /** Opens a live view and waits until the tail is connected. */
  async openLive(query = ''): Promise<void> {
    await this.open(query ? { q: query } : {});
    await this.expectState('live');
  }

  async expectState(state: 'live' | 'connecting' | 'paused' | 'off'): Promise<void> {
    await expect(this.page.getByTestId('live-status')).toHaveAttribute('data-state', state);
  }

  get rows(): Locator {
    return this.page.getByTestId('log-row');
  }

  /** The messages on the page from top to bottom, newest last. */
  get messages(): Locator {
    return this.page.getByTestId('log-message');
  }

  row(message: string): Locator {
    return this.rows.filter({ hasText: message });
  }

  /** The ids of the rows from top to bottom. */
  async ids(): Promise<(string | null)[]> {
    return this.rows.evaluateAll((rows) => rows.map((row) => row.getAttribute('data-id')));
  }

  get searchBox(): Locator {
    return this.page.getByTestId('search-input');
  }

  async search(query: string): Promise<void> {
    await this.searchBox.fill(query);
    await this.searchBox.press('Enter');
  }

  async chooseRange(code: string): Promise<void> {
    await this.page.getByTestId('range-select').selectOption(code);
  }

  level(name: string): Locator {
    return this.page.getByTestId(`level-chip-${name}`);
  }

  /** Expands a row and returns its fields. */
  async expand(message: string): Promise<Locator> {
    await this.row(message).getByTestId('log-message').click();
    const detail = this.page.getByTestId('row-detail');
    await expect(detail).toBeVisible();
    return detail;
  }
}
