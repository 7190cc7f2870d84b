// Images by hand, snapshots, restore and rollback, as a person does them.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, expect, row, runningVersion } from '../support/test.ts';
import type { Gateway } from '../support/gateway.ts';
import type { Page } from '@playwright/test';

/** A bundle that stock rauc makes of the image in slot A. */
function madeByRauc(gateway: Gateway, version: string): string {
  const input = join(gateway.directory, 'rauc-input');
  const output = join(gateway.directory, 'site-build.raucb');
  mkdirSync(input);
  copyFileSync(join(gateway.directory, 'slots/A/rootfs.img'), join(input, 'rootfs.img'));
  const manifest = [
    '[update]', 'compatible=Univa-GW-Pro', `version=${version}`, '', '[bundle]', 'format=verity', '',
    '[image.rootfs]', 'filename=rootfs.img', '',
  ];
  writeFileSync(join(input, 'manifest.raucm'), manifest.join('\n'));
  const keys = join(gateway.directory, 'keys');
  execFileSync('rauc', [
    'bundle', '--cert', join(keys, 'signer.cert.pem'), '--key', join(keys, 'signer.key.pem'),
    '--keyring', join(keys, 'ca.cert.pem'), input, output,
  ]);
  return output;
}

async function confirm(page: Page, name: string): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
}

test('a bundle of stock rauc is uploaded, verified and deployed from the page', async ({ gateway, login }) => {
  const bundle = madeByRauc(gateway, 'v7.0.0');
  const page = await login('operator');
  const section = page.locator('#upload');
  const verify = section.getByRole('button', { name: 'Verify & Prepare Deployment' });
  await expect(verify).toBeDisabled();
  await expect(section).toContainText('Choose an image file first.');
  await section.getByLabel(/Image file/).setInputFiles(bundle);
  await section.getByLabel(/Version label/).fill('site build 7');
  await verify.click();
  const image = section.getByRole('row', { name: /site-build\.raucb/ });
  await expect(image).toContainText('v7.0.0 (“site build 7”)', { timeout: 60_000 });
  await expect(image).toContainText('compatible');
  await page.reload();
  await image.getByRole('button', { name: /Deploy to Partition B/ }).click();
  await expect(page.getByRole('dialog')).toContainText('slot B, which is overwritten');
  await confirm(page, 'Deploy');
  const monitor = page.locator('#monitor');
  await expect(monitor.locator('.result')).toContainText('Deployment of v7.0.0', { timeout: 120_000 });
  await expect(monitor.locator('.result')).toContainText('completed');
  await expect(runningVersion(page)).toHaveText('v7.0.0');
  const { data } = await (await gateway.api('viewer'))('status');
  expect(data.partitions.active).toMatchObject({ id: 'B', version: 'v7.0.0', status: 'healthy' });
});

test('what nobody has signed is refused with a sentence', async ({ gateway, login, complaints }) => {
  const file = join(gateway.directory, 'nonsense.raucb');
  writeFileSync(file, 'not a bundle');
  const page = await login('operator');
  const section = page.locator('#upload');
  await section.getByLabel(/Image file/).setInputFiles(file);
  await section.getByRole('button', { name: 'Verify & Prepare Deployment' }).click();
  await expect(section.getByRole('alert')).toContainText('damaged');
  await expect(section.getByText('No image was uploaded.')).toBeVisible();
  // The browser reports the refused request; it was refused on purpose.
  expect(complaints.splice(0).filter((text) => !/status of 422/.test(text))).toEqual([]);
});

test('a snapshot is taken, restored and deleted', async ({ gateway, login }) => {
  const page = await login('operator');
  await page.locator('#status').getByRole('button', { name: 'Snapshot' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Snapshot', exact: true })).toBeDisabled();
  await dialog.getByLabel('Name of the snapshot').fill('before the works');
  await confirm(page, 'Snapshot');
  const recovery = page.locator('#recovery');
  const kept = recovery.getByRole('row', { name: /snap-001: before the works/ });
  await expect(kept).toContainText('v5.0.4', { timeout: 60_000 });
  await kept.getByRole('button', { name: /Start Restore/ }).click();
  await expect(dialog).toContainText('snapshot snap-001');
  await confirm(page, 'Start Restore');
  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText('v5.0.4 starts from slot B at the next restart', { timeout: 60_000 });
  const { data } = await (await gateway.api('viewer'))('status');
  expect(data.partitions.inactive).toMatchObject({ id: 'B', version: 'v5.0.4', next_boot: true });
  await monitor.getByRole('button', { name: 'Cancel' }).click();
  await confirm(page, 'Cancel Update');
  await expect(monitor.locator('.result')).toContainText('cancelled');
  await kept.getByRole('button', { name: /Delete/ }).click();
  await confirm(page, 'Delete');
  await expect(kept).toBeHidden();
});

test.describe('where the interlocks need not have been clear for long', () => {
  test.use({ settings: { GATEWAY_OTA__SAFETY__CLEAR_FOR_SECONDS: '0' } });

  test('a rollback needs a reason, and the former system is confirmed', async ({ gateway, login }) => {
    const page = await login('operator');
    const recovery = page.locator('#recovery');
    await recovery.getByRole('button', { name: 'Execute Rollback' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('slot B starts next, as it is');
    await expect(dialog.getByRole('button', { name: 'Execute Rollback' })).toBeDisabled();
    await dialog.getByLabel('Reason').fill('The new system is slow');
    await confirm(page, 'Execute Rollback');
    const monitor = page.locator('#monitor');
    await expect(monitor).toContainText('v5.0.3 starts from slot B at the next restart', { timeout: 60_000 });
    await expect(recovery.getByRole('button', { name: 'Execute Rollback' })).toBeDisabled();
    await monitor.getByRole('button', { name: 'Restart Now' }).click();
    await confirm(page, 'Restart Now');
    await expect(monitor.locator('.result')).toContainText('Rollback to v5.0.3', { timeout: 120_000 });
    await expect(runningVersion(page)).toHaveText('v5.0.3');
    expect(gateway.bootEnvironment().BOOT_ORDER).toBe('B A');
  });
});

test('a viewer sees what there is and is told why nothing can be pressed', async ({ login }) => {
  const page = await login('viewer');
  for (const [section, name] of [
    ['#status', 'Snapshot'],
    ['#upload', 'Verify & Prepare Deployment'],
    ['#recovery', 'Execute Rollback'],
  ] as const) {
    await expect(page.locator(section).getByRole('button', { name })).toBeDisabled();
    await expect(page.locator(section)).toContainText('Your role is viewer');
  }
  await expect(page.locator('#recovery').getByRole('row', { name: /installed bundle/ })).toHaveCount(2);
  await expect(row(page, 'v5.0.5')).toBeVisible();
});

test('a debug bundle is made, downloaded and holds what it says', async ({ gateway, login }) => {
  const page = await login('operator');
  const section = page.locator('#status');
  await section.getByRole('button', { name: 'Debug Bundle' }).click();
  const line = section.getByRole('listitem').filter({ hasText: /debug-\d{8}-001/ });
  const link = line.getByRole('link', { name: 'Download' });
  await expect(link).toBeVisible({ timeout: 30_000 });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const file = join(gateway.directory, 'debug.tar.gz');
  await download.saveAs(file);
  const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' });
  for (const name of ['status.json', 'activity.log', 'audit.jsonl', 'configuration.toml', 'boot-environment.txt', 'metrics.txt']) {
    expect(names).toContain(`/${name}`);
  }
  expect(execFileSync('tar', ['-xzOf', file, '--wildcards', '*/boot-environment.txt'], { encoding: 'utf8' })).toContain('BOOT_ORDER=');
  // A viewer sees that there is one, and cannot have it.
  // The open page would notice, and go to the log-in by itself.
  await page.goto('about:blank');
  await page.context().clearCookies();
  const viewer = await login('viewer');
  await expect(viewer.locator('#status')).toContainText(/debug-\d{8}-001/);
  await expect(viewer.locator('#status').getByRole('link', { name: 'Download' })).toHaveCount(0);
});
