import AxeBuilder from '@axe-core/playwright';
import { test, expect, row } from '../support/test.ts';

test('the page carries its data and asks nothing before the first interaction', async ({ gateway, page, login }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.startsWith('/api/')) asked.push(request.url());
  });
  const greeted = page.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'));
  await login('viewer');
  await expect(page).toHaveTitle('OTA & System Updates - Univa Gateway');
  const app = page.locator('#app');
  const system = JSON.parse((await app.getAttribute('data-system')) ?? '');
  expect(system.gateway.model).toBe('Univa-GW-Pro');
  const updates = JSON.parse((await app.getAttribute('data-updates')) ?? '');
  expect(updates.map((update: { id: string }) => update.id).sort()).toEqual(['update-001', 'update-002']);
  for (const name of ['data-settings', 'data-safety']) JSON.parse((await app.getAttribute(name)) ?? '');
  for (const id of ['status', 'updates', 'upload', 'settings', 'recovery', 'safety', 'monitor']) {
    await expect(page.locator(`#${id}`)).toBeVisible();
  }
  await greeted;
  await expect(page.locator('#page-starting')).toContainText('Live');
  expect(asked.filter((url) => url.includes('/api/v1/ota/') && !url.endsWith('/ws'))).toEqual([]);
  // The figures move, so the page is alive; it learned them over the WebSocket.
  await gateway.plant({ ups_battery: 77 });
  await expect(page.locator('#safety')).toContainText('77 %');
});

test('what changes between the page and its connection is shown', async ({ gateway, page, login }) => {
  let connect = () => {};
  const held = new Promise<void>((resolve) => {
    connect = resolve;
  });
  await page.routeWebSocket(/\/api\/v1\/ota\/ws/, async (socket) => {
    await held;
    socket.connectToServer();
  });
  await login('operator');
  const updates = page.locator('#updates');
  await expect(updates.getByRole('button', { name: 'Auto-Update: Off' })).toBeVisible();
  await (await gateway.api('operator'))('auto-update', { enabled: true });
  connect();
  await expect(updates.getByRole('button', { name: 'Auto-Update: On' })).toBeVisible();
});

test('a reading that nobody answers holds nothing up', async ({ gateway, page, login }) => {
  await page.clock.install();
  let asked = 0;
  await page.route('**/api/v1/ota/settings', async (route) => {
    asked += 1;
    if (asked > 1) await route.continue();
  });
  await login('operator');
  const updates = page.locator('#updates');
  await expect(updates.getByRole('button', { name: 'Auto-Update: Off' })).toBeEnabled();
  await (await gateway.api('operator'))('auto-update', { enabled: true });
  await expect.poll(() => asked).toBe(1);
  await page.clock.runFor(60_000);
  await expect(updates.getByRole('button', { name: 'Auto-Update: On' })).toBeVisible();
});

test('a viewer sees everything and every disabled button says why', async ({ login }) => {
  const page = await login('viewer');
  const install = row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' });
  await expect(install).toBeDisabled();
  const reason = await install.getAttribute('aria-describedby');
  await expect(page.locator(`#${reason}`)).toContainText(/viewer|role|operator/i);
});

test('a wrong password is refused with a sentence', async ({ page, gateway }) => {
  await page.goto(`${gateway.url}/login`);
  await page.getByLabel('User name').fill('operator');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page).toHaveURL(/\/login/);
});

for (const [name, colorScheme] of [
  ['light', 'light'],
  ['dark', 'dark'],
] as const) {
  test(`no accessibility fault and no sideways scrolling, ${name}`, async ({ page, login }) => {
    await page.emulateMedia({ colorScheme });
    await login('operator');
    for (const width of [360, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow, `at ${width} px`).toBeLessThanOrEqual(0);
      const found = await new AxeBuilder({ page }).analyze();
      expect(found.violations.map((violation) => [violation.id, violation.nodes.map((node) => node.html)])).toEqual([]);
    }
  });
}
