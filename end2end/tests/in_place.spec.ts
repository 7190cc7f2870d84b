// The strategy is chosen where the installation is confirmed; the running slot is written during the restart.
import { test, expect, row, runningVersion } from '../support/test.ts';

test('a technician installs in place and sees it through to the confirmed boot of the same slot', async ({ gateway, login }) => {
  const other = gateway.read('slots/B/rootfs.img');
  const page = await login('operator');
  await row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('radio', { name: /Seamless/ })).toBeChecked();
  await expect(dialog.getByRole('radio', { name: /Rolling/ })).not.toBeChecked();
  await expect(dialog).toContainText('slot B, which is overwritten');
  await dialog.getByRole('radio', { name: /In place/ }).check();
  await expect(dialog).toContainText('slot A, which runs now and is overwritten; slot B stays as it is');
  await expect(dialog).toContainText('A snapshot of v5.0.4 is taken first.');
  await expect(dialog).toContainText('the gateway is away for longer');
  await expect(dialog.getByRole('checkbox', { name: /Take a snapshot/ }), 'it is always taken').toBeHidden();
  await dialog.getByRole('button', { name: 'Install Now' }).click();

  const monitor = page.locator('#monitor');
  await expect(monitor.locator('.result')).toContainText('confirmed', { timeout: 120_000, ignoreCase: true });
  await expect(monitor).toContainText('Running v5.0.5 on slot A.');
  await expect(runningVersion(page)).toHaveText('v5.0.5');
  await expect(page.locator('#recovery')).toContainText('before v5.0.5');

  const { data } = await (await gateway.api('viewer'))('status');
  expect(data.partitions.active).toMatchObject({ id: 'A', version: 'v5.0.5', status: 'healthy', booted: true });
  expect(data.partitions.inactive).toMatchObject({ id: 'B', version: 'v5.0.3', status: 'ready' });
  expect(gateway.read('slots/B/rootfs.img').equals(other), 'the other slot is untouched').toBe(true);
  expect(gateway.bootEnvironment()).toMatchObject({ BOOT_ORDER: 'A B', BOOT_A_LEFT: '3' });
});

test('a downloaded update waits for the restart, and one that is not well gives way to the former system', async ({ gateway, login }) => {
  gateway.publishUnhealthy('update-009', 'v6.0.0');
  const before = gateway.read('slots/A/rootfs.img');
  const page = await login('operator');
  await page.getByRole('button', { name: 'Check for Updates' }).click();
  await row(page, 'v6.0.0').getByRole('button', { name: 'Download Only' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Download Only' }).click();
  const monitor = page.locator('#monitor');
  await monitor.getByRole('button', { name: 'Install', exact: true }).click({ timeout: 60_000 });
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /In place/ }).check();
  await dialog.getByRole('checkbox', { name: /Restart by itself/ }).uncheck();
  await dialog.getByRole('button', { name: 'Install', exact: true }).click();
  await expect(monitor).toContainText('v6.0.0 is written into slot A at the next restart.', { timeout: 60_000 });
  await monitor.getByRole('button', { name: 'Restart Now' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart Now' }).click();
  await expect(monitor.locator('.result')).toContainText('The gateway runs v5.0.4 again.', { timeout: 140_000 });
  await expect(runningVersion(page)).toHaveText('v5.0.4');
  const length = 16 << 20;
  expect(gateway.read('slots/A/rootfs.img').subarray(0, length).equals(before.subarray(0, length))).toBe(true);
});
