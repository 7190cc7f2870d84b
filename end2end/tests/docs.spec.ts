import { test, expect } from '../support/test.ts';

test('the interface is read and tried out in the browser', async ({ gateway, page, login }) => {
  await page.goto(`${gateway.url}/api/docs`);
  await expect(page).toHaveURL(/\/login/);
  await login('viewer');
  await page.goto(`${gateway.url}/api/docs`);
  await expect(page.getByRole('heading', { name: /Gateway OTA/ })).toBeVisible();

  const status = page.locator('#operations-status-get_status');
  await status.locator('.opblock-summary-control').click();
  await status.getByRole('button', { name: 'Try it out' }).click();
  await status.getByRole('button', { name: 'Execute' }).click();
  const answer = status.locator('.live-responses-table .response').first();
  await expect(answer).toContainText('200');
  await expect(answer).toContainText('Gateway status retrieved successfully');
});
