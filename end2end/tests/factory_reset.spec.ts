// From the danger zone of the page to the first administrator of a gateway that has forgotten everybody.
import { test, expect } from '../support/test.ts';
import { factoryPin } from '../support/gateway.ts';

test('a factory reset asks for everything that it should, and ends in first-run set-up', async ({ gateway, login, complaints }) => {
  const page = await login('admin');
  const recovery = page.locator('#recovery');
  await expect(recovery).toContainText('none; the running system stays');
  await recovery.getByRole('button', { name: 'Factory Reset' }).click();
  const dialog = page.getByRole('dialog', { name: 'Reset this gateway to factory state?' });
  const confirm = dialog.getByRole('button', { name: 'Reset Gateway' });
  await expect(confirm).toBeDisabled();
  await expect(dialog.getByRole('link', { name: 'Export the audit log first' })).toBeVisible();
  await dialog.getByRole('checkbox', { name: /Remove all other data/ }).check();
  await dialog.getByLabel(/Reason/).fill('System decommissioning');
  await dialog.getByLabel('Factory-reset PIN').fill('111111');
  await expect(dialog).toContainText('Type the id of this gateway.');
  await dialog.getByLabel(/Id of this gateway/).fill('GW-3920A9');
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText('The PIN is wrong.');
  // The browser reports the refused request; it was refused on purpose.
  expect(complaints.splice(0).filter((text) => !/status of 403/.test(text))).toEqual([]);
  await expect(dialog.getByLabel(/Reason/)).toHaveValue('System decommissioning');
  await dialog.getByLabel('Factory-reset PIN').fill(factoryPin);
  await confirm.click();
  await expect(dialog).toBeHidden();

  await expect(page).toHaveURL(/\/setup/, { timeout: 60_000 });
  complaints.splice(0);
  await page.getByLabel('Claim token').fill('0000-0000-0000-0000');
  await page.getByLabel(/first administrator/).fill('chief');
  await page.getByLabel(/Password, at least/).fill('a good password');
  await page.getByLabel(/once more/).fill('a good password');
  await page.getByLabel(/Override PIN/).fill('583921');
  await page.getByLabel(/Factory-reset PIN/).fill('902714');
  await page.getByRole('button', { name: 'Set Up' }).click();
  await expect(page.getByRole('alert')).toContainText('The claim token is wrong');
  complaints.splice(0);
  await page.getByLabel('Claim token').fill(gateway.claimToken());
  await page.getByLabel(/Password, at least/).fill('a good password');
  await page.getByLabel(/once more/).fill('a good password');
  await page.getByLabel(/Override PIN/).fill('583921');
  await page.getByLabel(/Factory-reset PIN/).fill('902714');
  await page.getByRole('button', { name: 'Set Up' }).click();
  await expect(page).toHaveURL(/\/ota-system-updates/);
  await expect(page.locator('.account')).toContainText('chief');
  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText('The gateway was reset to factory state and runs v5.0.4.');
  await page.goto(`${gateway.url}/setup`);
  await expect(page, 'it is closed').toHaveURL(/\/(login|ota-system-updates)/);
});

test('a recovery image is uploaded and goes into the recovery slot', async ({ gateway, login }) => {
  const page = await login('operator');
  const recovery = page.locator('#recovery');
  await expect(recovery).toContainText('holds nothing that starts');
  const upload = recovery.getByRole('button', { name: 'Upload', exact: true });
  await expect(upload).toBeDisabled();
  await recovery.getByLabel(/Recovery image file/).setInputFiles(gateway.target('5.0.5'));
  await expect(page.locator('#upload').getByRole('button', { name: 'Verify & Prepare Deployment' })).toBeDisabled();
  await upload.click();
  await expect(recovery).toContainText('starts when neither slot A nor slot B does', { timeout: 60_000 });
  await expect(recovery).toContainText('v5.0.5');
  await expect(page.locator('#upload').getByText('No image was uploaded.')).toBeVisible();
  expect(gateway.bootEnvironment()).toMatchObject({ BOOT_ORDER: 'A B R', BOOT_R_LEFT: '3' });
});

test('only an administrator is offered it', async ({ login }) => {
  const page = await login('operator');
  await expect(page.locator('#recovery').getByRole('button', { name: 'Factory Reset' })).toBeDisabled();
  await expect(page.locator('#recovery')).toContainText('only an administrator resets the gateway');
});
