import { test, expect } from '../support/test.ts';

test('operators see who did what, filter it and take it home', async ({ gateway, login }) => {
  const page = await login('operator');
  const audit = page.locator('#audit');
  await audit.getByText('Audit Log', { exact: true }).click();
  const first = audit.getByRole('row').nth(1);
  await expect(first).toContainText('operator');
  await expect(first).toContainText('127.0.0.1');
  await expect(first).toContainText('Login');
  await expect(first).toContainText('succeeded');
  await expect(audit.getByRole('row').filter({ hasText: 'command line' }).first()).toBeVisible();

  await gateway.plant({ crane_motion: 'moving' });
  await expect(page.locator('#safety')).toContainText('moving');
  const refused = await (await gateway.api('operator'))('reboot', { reason: 'maintenance' });
  expect(refused.error.code).toBe('OTA_UPDATE_BLOCKED');
  await audit.getByLabel('Action').selectOption('reboot');
  await expect(audit.getByRole('row')).toHaveCount(2);
  await expect(first).toContainText('maintenance');
  await expect(first).toContainText('refused: blocked');
  await audit.getByRole('textbox', { name: 'User' }).fill('admin');
  await audit.getByRole('textbox', { name: 'User' }).press('Enter');
  await expect(audit).toContainText('No record matches.');

  const download = page.waitForEvent('download');
  await audit.getByRole('link', { name: 'Export as JSON Lines' }).click();
  const file = await (await download).path();
  expect(gateway.cli(['audit', 'verify', file])).toContain('The audit log is whole');
  expect(gateway.cli(['audit', 'verify', '--against', file])).toContain('The audit log is whole');
});

test('older records come on request', async ({ gateway, login }) => {
  for (let number = 0; number < 30; number += 1) await gateway.api('viewer');
  for (let number = 0; number < 30; number += 1) await gateway.api('admin');
  const page = await login('admin');
  const audit = page.locator('#audit');
  await audit.getByText('Audit Log', { exact: true }).click();
  await expect(audit.getByRole('row')).toHaveCount(51);
  const older = audit.getByRole('button', { name: 'Older Records' });
  await older.click();
  await expect(older).toBeHidden();
  await expect(audit.getByRole('row').last()).toContainText('Provisioning');
});

test('viewers do not see it', async ({ gateway, login }) => {
  const page = await login('viewer');
  await expect(page.locator('#safety')).toBeVisible();
  await expect(page.locator('#audit')).toHaveCount(0);
  const refused = await (await gateway.api('viewer'))('audit');
  expect(refused.error.code).toBe('FORBIDDEN');
});
