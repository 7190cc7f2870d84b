import { test, expect, row } from '../support/test.ts';

test('a moving crane disables the button and says why', async ({ gateway, login }) => {
  const page = await login('operator');
  const install = row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' });
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
    row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' }),
  ).toBeDisabled();
});

test.describe('a crane that has just stood still', () => {
  // Long enough for it to move again before it counts as calm.
  test.use({ settings: { GATEWAY_OTA__SAFETY__CLEAR_FOR_SECONDS: '20' } });

  test.beforeEach(async ({ gateway, login }) => {
    const page = await login('operator');
    const install = row(page, 'v5.0.5').getByRole('button', { name: 'Install Now' });
    await gateway.plant({ crane_motion: 'moving' });
    await expect(page.locator('#constraint-crane_motion')).toContainText('moving');
    await expect(install).toBeDisabled();
    await gateway.plant({ crane_motion: 'idle' });
    await install.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Install Now' }).click();
    await expect(page.locator('#monitor')).toContainText('OTA-JOB-');
    await gateway.plant({ crane_motion: 'moving' });
    await expect(page.locator('#monitor .sentence')).toContainText(/crane motion/i, { timeout: 60_000 });
  });

  test('holds the update before arming; it then goes on by itself', async ({ gateway, page }) => {
    expect(gateway.bootEnvironment().BOOT_ORDER).toBe('A B');
    await gateway.plant({ crane_motion: 'idle' });
    await expect(page.locator('#monitor .result')).toContainText('confirmed', { ignoreCase: true, timeout: 120_000 });
  });

  test('leaves time to cancel; the slot stays bad', async ({ gateway, page }) => {
    const monitor = page.locator('#monitor');
    await monitor.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel Update' }).click();
    await expect(monitor.locator('.result')).toContainText('cancelled', { ignoreCase: true });
    expect(gateway.bootEnvironment()).toMatchObject({ BOOT_ORDER: 'A B', BOOT_B_LEFT: '0' });
  });
});
