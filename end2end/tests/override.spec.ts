import { test, expect, row } from '../support/test.ts';
import { overridePin } from '../support/gateway.ts';
import type { Page } from '@playwright/test';

const reason = 'The sensor is broken, the crane is locked';

async function ask(page: Page, pin: string): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Override safety constraints?' });
  await dialog.getByLabel('Override PIN').fill(pin);
  await dialog.getByRole('button', { name: 'Override', exact: true }).click();
}

test('an override with a wrong PIN, five of them, and the right one', async ({ gateway, login, complaints }) => {
  const page = await login('admin');
  await gateway.plant({ crane_motion: 'moving' });
  await expect(page.locator('#constraint-crane_motion')).toContainText('moving');
  const install = row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' });
  await expect(install).toBeDisabled();

  await page.getByRole('button', { name: 'Force Override' }).click();
  const dialog = page.getByRole('dialog', { name: 'Override safety constraints?' });
  await expect(dialog.getByRole('checkbox', { name: /Crane motion/ })).toBeChecked();
  await expect(dialog.getByRole('checkbox', { name: /Anti-collision/ })).not.toBeChecked();
  const confirm = dialog.getByRole('button', { name: 'Override', exact: true });
  await expect(confirm).toBeDisabled();
  await dialog.getByLabel(/Reason/).fill(reason);
  for (const pin of ['000000', '111111', '222222', '333333']) {
    await ask(page, pin);
    await expect(dialog.getByRole('alert')).toHaveText('The PIN is wrong.');
    await expect(dialog.getByLabel(/Reason/)).toHaveValue(reason);
  }
  await ask(page, '444444');
  await expect(dialog.getByRole('alert')).toContainText('60 s');
  await ask(page, overridePin);
  await expect(dialog.getByRole('alert')).toContainText('Too many wrong PINs');
  await dialog.getByRole('button', { name: 'Keep Interlocks' }).click();
  await expect(install).toBeDisabled();

  // The browser reports every refused request; these were refused on purpose.
  const refused = complaints.splice(0).filter((text) => !/status of (403|429)/.test(text));
  expect(refused).toEqual([]);

  // A new PIN, set on the gateway itself, ends the wait.
  gateway.cli(['pin', 'set', 'override'], '204816\n');
  await page.getByRole('button', { name: 'Force Override' }).click();
  await dialog.getByLabel(/Reason/).fill(reason);
  await ask(page, '204816');
  await expect(dialog).toBeHidden();
  const banner = page.locator('.override-banner');
  await expect(banner).toContainText('Safety override by admin: crane motion not counted');
  await expect(banner).toContainText(reason);
  await expect(banner).toContainText(/14:\d\d/);
  await expect(install).toBeEnabled();
  await expect(page.locator('#constraint-crane_motion')).toContainText('overridden');

  await banner.getByRole('button', { name: 'End Override' }).click();
  await expect(banner).toBeHidden();
  await expect(install).toBeDisabled();
});

test('it carries one update through although the crane moves, and ends with it', async ({ gateway, login }) => {
  const page = await login('admin');
  await gateway.plant({ crane_motion: 'moving' });
  await expect(page.locator('#constraint-crane_motion')).toContainText('moving');
  await page.getByRole('button', { name: 'Force Override' }).click();
  await page.getByRole('dialog').getByLabel(/Reason/).fill(reason);
  await ask(page, overridePin);
  await expect(page.locator('.override-banner')).toBeVisible();
  await row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Install Now' }).click();
  await expect(page.locator('#monitor .result')).toContainText('confirmed', { ignoreCase: true, timeout: 120_000 });
  await expect(page.locator('.override-banner')).toBeHidden();
  await expect(row(page, 'v5.1.0').getByRole('button', { name: 'Install Now' })).toBeDisabled();
});

test('only an administrator is offered it, and everybody sees it', async ({ gateway, login }) => {
  const page = await login('operator');
  await expect(page.getByRole('button', { name: 'Force Override' })).toBeDisabled();
  await expect(page.locator('#safety')).toContainText('only an administrator overrides interlocks');
  const admin = await gateway.api('admin');
  const order = { enable: true, pin: overridePin, reason, constraints: ['crane_motion', 'acs_collision'] };
  expect((await admin('safety/override', order)).success).toBe(true);
  await expect(page.locator('.override-banner')).toContainText('crane motion and anti-collision system');
  await page.locator('.override-banner').getByRole('button', { name: 'End Override' }).click();
  await expect(page.locator('.override-banner')).toBeHidden();
});

test.describe('a short override', () => {
  test.use({ settings: { GATEWAY_OTA__SAFETY__OVERRIDE__SECONDS: '25' } });

  test('is over by itself', async ({ gateway, login }) => {
    const page = await login('admin');
    await gateway.plant({ crane_motion: 'moving' });
    await expect(page.locator('#constraint-crane_motion')).toContainText('moving');
    const admin = await gateway.api('admin');
    await admin('safety/override', { enable: true, pin: overridePin, reason, constraints: ['crane_motion'] });
    await expect(page.locator('.override-banner')).toBeVisible();
    await expect(page.locator('.override-banner')).toBeHidden({ timeout: 60_000 });
    await expect(row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' })).toBeDisabled();
  });
});
