// The test function of this suite: every test gets a gateway, and a browser console without errors.
import { test as base, expect, type Locator, type Page } from '@playwright/test';
import { Gateway, password, type User } from './gateway.ts';

type Fixtures = {
  settings: Record<string, string>;
  gateway: Gateway;
  complaints: string[];
  login: (user: User) => Promise<Page>;
};

/** What a browser says of a connection that a restart cuts, at whatever point. */
const lostConnection =
  /net::ERR_(ABORTED|CONNECTION|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|NETWORK|INCOMPLETE_CHUNKED|CONTENT_LENGTH)|WebSocket connection/;

/** Until the page has started, every button is disabled, and it shows what the server rendered. */
export async function started(page: Page): Promise<void> {
  await expect(page.locator('#page-starting')).not.toContainText('starting');
}

export const test = base.extend<Fixtures>({
  settings: [{}, { option: true }],

  gateway: async ({ settings }, use, info) => {
    const gateway = await Gateway.start(settings);
    await use(gateway);
    if (info.status !== info.expectedStatus) {
      await info.attach('server.log', { body: gateway.read('server.log'), contentType: 'text/plain' });
    }
    await gateway.stop();
  },

  /** What the browser complained about. A lost connection during a restart is the page's business, not an error. */
  complaints: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !lostConnection.test(message.text())) {
        complaints.push(message.text());
      }
    });
    await use(complaints);
    expect(complaints, 'errors in the browser console').toEqual([]);
  },

  login: async ({ page, gateway, complaints }, use) => {
    void complaints;
    await use(async (user) => {
      await page.goto(`${gateway.url}/ota-system-updates`);
      await expect(page).toHaveURL(/\/login/);
      await page.getByLabel('User name').fill(user);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Log in' }).click();
      await expect(page).toHaveURL(/\/ota-system-updates/);
      await started(page);
      return page;
    });
  },
});

/** The line of an update in the table of section 2. */
export function row(page: Page, version: string): Locator {
  return page.locator('#updates').getByRole('row', { name: new RegExp(`^${version.replaceAll('.', '\\.')}`) });
}

/** What section 1 says that the gateway runs. */
export function runningVersion(page: Page): Locator {
  return page.locator('#status .fact').filter({ hasText: 'OS version' }).locator('dd');
}

export { expect };
