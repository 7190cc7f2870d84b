// Section 4's form, section 2's switch, and what the gateway says that it will do.
import { test, expect, row } from '../support/test.ts';

/** The day of the week in three days, so that no window of that day is open now. */
function laterDay(): string {
  const then = new Date(Date.now() + 3 * 86_400_000);
  return then.toLocaleDateString('en-GB', { weekday: 'long', timeZone: 'Europe/Berlin' });
}

test('a window is set, the page says what will happen, and it is saved without a reload', async ({ gateway, login }) => {
  const day = laterDay();
  const page = await login('operator');
  const section = page.locator('#settings');
  const save = section.getByRole('button', { name: 'Save Settings' });
  await expect(section.locator('.plan')).toContainText('No maintenance window is set');
  await expect(save).toBeDisabled();
  await expect(section).toContainText('Nothing is changed.');
  await section.getByLabel(/^Auto-Update/).check();
  await expect(section.getByText('Unsaved changes')).toBeVisible();
  await section.getByLabel(/^Restart by itself/).check();
  await section.getByLabel(/^Use a maintenance window/).check();
  await section.getByLabel('Schedule').selectOption('every week');
  await section.getByLabel('Day of the week').selectOption(day);
  await section.getByLabel('Begins at').fill('02:30');
  await section.getByLabel(/^Time zone/).fill('Europe/Berlin');
  await section.getByLabel('Minutes that it lasts').fill('90');
  // Another press of the same button cannot be needed.
  await save.click();
  await expect(page.getByText('The settings are saved')).toBeVisible();
  await expect(section.getByText('Unsaved changes')).toBeHidden();
  const plan = section.locator('.plan');
  await expect(plan).toContainText(`Next window ${day.slice(0, 3)} 02:30–04:00 Europe/Berlin`);
  await expect(plan).toContainText('will install v5.1.0 and restart into it if the machine is still.');
  await expect(page.locator('#monitor')).toContainText(`${day.slice(0, 3)} 02:30–04:00 Europe/Berlin`);
  await expect(page.locator('#updates').getByRole('button', { name: 'Auto-Update: On' })).toBeVisible();
  await expect(row(page, 'v5.1.0')).toBeVisible();
  await expect(page.locator('#updates')).toContainText('The maintenance window is closed.');
  await expect(page.locator('#updates')).toContainText('You can install it at any time.');
  const { data } = await (await gateway.api('viewer'))('settings');
  expect(data).toEqual({
    auto_update: { enabled: true, auto_download: false, auto_security: false, auto_reboot: true },
    maintenance_window: {
      enabled: true, schedule: 'weekly', time: '02:30', weekday: day.toLowerCase(), duration_minutes: 90, timezone: 'Europe/Berlin',
    },
    update_strategy: 'seamless',
  });
  await page.reload();
  await expect(section.getByLabel('Begins at')).toHaveValue('02:30');
  await expect(section.getByLabel(/^Auto-Update/)).toBeChecked();
});

test('what cannot be is refused, and what was typed stays', async ({ login, complaints }) => {
  const page = await login('operator');
  const section = page.locator('#settings');
  await section.getByLabel(/^Time zone/).fill('Mars/Base');
  await section.getByRole('button', { name: 'Save Settings' }).click();
  await expect(page.getByText('The settings were not saved')).toBeVisible();
  await expect(page.getByText(/“Mars\/Base” is no time zone/)).toBeVisible();
  await expect(section.getByLabel(/^Time zone/)).toHaveValue('Mars/Base');
  // The refusal, as the browser tells it.
  complaints.splice(0);
  await section.getByRole('button', { name: 'Discard Changes' }).click();
  await expect(section.getByLabel(/^Time zone/)).toHaveValue('');
  await expect(section.getByText('Unsaved changes')).toBeHidden();
});

test('somebody else saves first, and nothing is lost', async ({ gateway, login }) => {
  const page = await login('operator');
  const section = page.locator('#settings');
  await section.getByLabel('Begins at').fill('05:00');
  await expect(section.getByText('Unsaved changes')).toBeVisible();
  const order = await gateway.api('admin');
  await order('settings', { auto_update: { auto_download: true, auto_security: true } });
  await expect(section.getByText('Somebody else has saved other settings meanwhile.')).toBeVisible();
  await expect(section.getByRole('button', { name: 'Save Settings' })).toBeDisabled();
  await section.getByRole('button', { name: 'Show Theirs' }).click();
  await expect(section.getByLabel(/^Only security updates/)).toBeChecked();
  await expect(section.getByLabel('Begins at')).toHaveValue('02:00');
  await section.getByLabel('Begins at').fill('05:00');
  await order('settings', { auto_update: { auto_security: false } });
  await section.getByRole('button', { name: 'Keep Mine' }).click();
  await section.getByRole('button', { name: 'Save Settings' }).click();
  await expect(page.getByText('The settings are saved')).toBeVisible();
  const { data } = await order('settings');
  expect(data.maintenance_window.time).toBe('05:00');
  expect(data.auto_update.auto_security).toBe(true);
});

test('the switch of section 2 is live on every open page, and viewers only look', async ({ login, context }) => {
  const page = await login('operator');
  const second = await context.newPage();
  await second.goto(page.url());
  await page.locator('#updates').getByRole('button', { name: 'Auto-Update: Off' }).click();
  await expect(page.locator('#updates').getByRole('button', { name: 'Auto-Update: On' })).toBeVisible();
  await expect(second.locator('#updates').getByRole('button', { name: 'Auto-Update: On' })).toBeVisible();
  await expect(second.locator('#settings').getByLabel(/^Auto-Update/)).toBeChecked();
});

test('a viewer sees the settings and cannot change them', async ({ login }) => {
  const page = await login('viewer');
  await expect(page.locator('#settings').getByLabel(/^Auto-Update/)).toBeDisabled();
  await expect(page.locator('#settings').getByRole('button', { name: 'Save Settings' })).toBeDisabled();
  await expect(page.locator('#settings')).toContainText('you can look, but not operate');
});
