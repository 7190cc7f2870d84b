import { test, expect, row, runningVersion } from '../support/test.ts';

test.use({ settings: { GATEWAY_OTA__HEALTH__DEADLINE_SECONDS: '4' } });

test('a release whose health check fails is left again, and the page says so', async ({ gateway, login }) => {
  gateway.publishUnhealthy('update-666', 'v5.0.9');
  const page = await login('operator');
  await page.getByRole('button', { name: 'Check for Updates' }).click();
  const offer = row(page, 'v5.0.9');
  await offer.getByRole('button', { name: 'Install Now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Install Now' }).click();

  const monitor = page.locator('#monitor');
  await expect(monitor.locator('.result')).toContainText('rolled back', { timeout: 120_000, ignoreCase: true });
  await expect(runningVersion(page)).toHaveText('v5.0.4');

  const { data } = await (await gateway.api('viewer'))('status');
  expect(data.partitions.active).toMatchObject({ id: 'A', version: 'v5.0.4', status: 'healthy' });
  expect(data.partitions.inactive).toMatchObject({ id: 'B', status: 'bad' });
  const environment = gateway.bootEnvironment();
  expect(environment.BOOT_ORDER).toBe('A B');
  expect(environment.BOOT_B_LEFT).toBe('0');
  await expect(page.locator('#updates')).toContainText('Rolled back');
});
