import { test, expect, row, runningVersion } from '../support/test.ts';
import { createHash } from 'node:crypto';

// The whole way: log in, one click, download, verify, write, arm, restart, trial, confirmed.
test('one click takes a signed release to a confirmed boot of the other slot', async ({ gateway, login }) => {
  const page = await login('operator');
  await expect(runningVersion(page)).toHaveText('v5.0.4');

  const offer = row(page, 'v5.0.5');
  await expect(offer).toContainText('security');
  await expect(offer).toContainText('critical');
  await offer.getByRole('button', { name: 'Install Now' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('slot B');
  await dialog.getByRole('button', { name: 'Install Now' }).click();

  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText('OTA-JOB-');
  await expect(monitor.getByRole('progressbar').first()).toBeVisible();

  // The gateway restarts and comes back by itself; the page bridges the gap.
  await expect(monitor.locator('.result')).toContainText('confirmed', { timeout: 120_000, ignoreCase: true });
  await expect(runningVersion(page)).toHaveText('v5.0.5');
  await expect(row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' })).toHaveCount(0);

  const api = await gateway.api('viewer');
  const { data } = await api('status');
  expect(data.gateway.os_version).toBe('v5.0.5');
  expect(data.partitions.active).toMatchObject({ id: 'B', version: 'v5.0.5', status: 'healthy', booted: true });
  expect(data.partitions.inactive).toMatchObject({ id: 'A', version: 'v5.0.4', status: 'ready' });

  const environment = gateway.bootEnvironment();
  expect(environment.BOOT_ORDER).toBe('B A');
  expect(environment.BOOT_B_LEFT).toBe('3');

  // The bytes in the slot are the image that the publisher signed.
  const { bundle } = JSON.parse(gateway.cli(['verify', '--json', gateway.target('v5.0.5')]));
  const image = bundle.images.find((one: { class: string }) => one.class === 'rootfs');
  const slot = gateway.read('slots/B/rootfs.img').subarray(0, image.size);
  expect(createHash('sha256').update(slot).digest('hex')).toBe(image.sha256);
});

test('a download waits for its installation, and the restart for a person', async ({ gateway, login }) => {
  const page = await login('operator');
  const offer = row(page, 'v5.1.0');
  await offer.getByRole('button', { name: 'Download Only' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Download Only' }).click();

  const monitor = page.locator('#monitor');
  await monitor.getByRole('button', { name: 'Install', exact: true }).click({ timeout: 60_000 });
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: /Restart by itself/ }).uncheck();
  await dialog.getByRole('button', { name: 'Install', exact: true }).click();

  const restart = monitor.getByRole('button', { name: 'Restart Now' });
  await expect(restart).toBeVisible({ timeout: 60_000 });
  expect(gateway.bootEnvironment().BOOT_ORDER).toBe('B A');
  await expect(page.locator('#status').getByText('starts next').filter({ visible: true })).toHaveCount(1);
  await restart.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart Now' }).click();
  await expect(monitor.locator('.result')).toContainText('confirmed', { timeout: 120_000, ignoreCase: true });
  await expect(runningVersion(page)).toHaveText('v5.1.0');
});
