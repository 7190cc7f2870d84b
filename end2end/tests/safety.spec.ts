import { test, expect } from '../support/test.ts';

test('a moving crane disables the button and says why', async ({ gateway, login }) => {
  const page = await login('operator');
  const install = page.getByRole('row').filter({ hasText: 'v5.0.5' }).getByRole('button', { name: 'Install Now' });
  await expect(install).toBeEnabled();
  await gateway.plant({ crane_motion: 'moving' });
  await expect(page.locator('#safety')).toContainText('moving');
  await expect(install).toBeDisabled();
  await expect(page.locator('#updates')).toContainText(/crane/i);

  const refused = await (await gateway.api('operator'))('download', { update_id: 'update-001' });
  expect(refused.error.code).toBe('OTA_UPDATE_BLOCKED');
  expect(JSON.stringify(refused.error.details)).toContain('crane_motion');

  await gateway.plant({ crane_motion: 'idle' });
  await expect(install).toBeEnabled();
});

test('silent sensors block', async ({ gateway, login }) => {
  const page = await login('operator');
  await gateway.plant({ connected: false });
  await expect(page.locator('#safety')).toContainText('unknown', { timeout: 60_000 });
  await expect(
    page.getByRole('row').filter({ hasText: 'v5.0.5' }).getByRole('button', { name: 'Install Now' }),
  ).toBeDisabled();
});

test('a crane that starts during the installation holds it before arming; it then goes on by itself', async ({
  gateway,
  login,
}) => {
  const page = await login('operator');
  const row = page.getByRole('row').filter({ hasText: 'v5.0.5' });
  await row.getByRole('button', { name: 'Install Now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Install Now' }).click();
  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText('OTA-JOB-');
  await gateway.plant({ crane_motion: 'moving' });
  await expect(monitor).toContainText(/crane motion/i, { timeout: 60_000 });
  expect(gateway.bootEnvironment().BOOT_ORDER).toBe('A B');
  await gateway.plant({ crane_motion: 'idle' });
  await expect(page.locator('#status')).toContainText('v5.0.5', { timeout: 120_000 });
});

test('a waiting update can be cancelled; the slot stays bad', async ({ gateway, login }) => {
  const page = await login('operator');
  const row = page.getByRole('row').filter({ hasText: 'v5.0.5' });
  await row.getByRole('button', { name: 'Install Now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Install Now' }).click();
  await gateway.plant({ crane_motion: 'moving' });
  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText(/crane motion/i, { timeout: 60_000 });
  await monitor.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel Update' }).click();
  await expect(monitor).toContainText('cancelled', { ignoreCase: true });
  expect(gateway.bootEnvironment()).toMatchObject({ BOOT_ORDER: 'A B', BOOT_B_LEFT: '0' });
});
