import { test } from '../support/test.ts';
import { factoryPin, overridePin } from '../support/gateway.ts';

// For people: `SCREENSHOTS=directory setup/browser-tests screenshots` puts pictures of the page there.
const directory = process.env.SCREENSHOTS;
// For the whole page, and for section 6 with an override in force and the question before it.
test.skip(directory === undefined, 'pictures are taken on request');

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`the page, ${colorScheme}, ${width} px`, async ({ page, login }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await login('operator');
      await page.screenshot({ path: `${directory}/page-${colorScheme}-${width}.png`, fullPage: true });
    });

    test(`an override, ${colorScheme}, ${width} px`, async ({ page, gateway, login }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await login('admin');
      await gateway.plant({ crane_motion: 'moving' });
      await page.locator('#constraint-crane_motion').getByText('moving').first().waitFor();
      await page.getByRole('button', { name: 'Force Override' }).click();
      await page.screenshot({ path: `${directory}/override-question-${colorScheme}-${width}.png` });
      const order = { enable: true, pin: overridePin, reason: 'The sensor is broken, the crane is locked' };
      await (await gateway.api('admin'))('safety/override', { ...order, constraints: ['crane_motion'] });
      await page.getByRole('button', { name: 'Keep Interlocks' }).click();
      await page.locator('.override-banner').waitFor();
      await page.locator('#audit summary').click();
      await page.locator('#audit').getByRole('row').nth(1).waitFor();
      await page.locator('#safety').scrollIntoViewIfNeeded();
      await page.screenshot({ path: `${directory}/override-${colorScheme}-${width}.png` });
    });

    test(`a factory reset, ${colorScheme}, ${width} px`, async ({ page, login, complaints }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await login('admin');
      await page.locator('#recovery').screenshot({ path: `${directory}/reset-${colorScheme}-${width}.png` });
      await page.getByRole('button', { name: 'Factory Reset' }).click();
      await page.screenshot({ path: `${directory}/reset-question-${colorScheme}-${width}.png` });
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(/Reason/).fill('System decommissioning');
      await dialog.getByLabel('Factory-reset PIN').fill(factoryPin);
      await dialog.getByLabel(/Id of this gateway/).fill('GW-3920A9');
      await dialog.getByRole('button', { name: 'Reset Gateway' }).click();
      await page.waitForURL(/\/setup/, { timeout: 60_000 });
      await page.screenshot({ path: `${directory}/setup-${colorScheme}-${width}.png`, fullPage: true });
      // The session has ended with the reset.
      complaints.splice(0);
    });

    test(`images and ways back, ${colorScheme}, ${width} px`, async ({ page, gateway, login }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await login('operator');
      await page.getByLabel(/Image file/).setInputFiles(gateway.target('5.0.5'));
      await page.getByRole('button', { name: 'Verify & Prepare Deployment' }).click();
      await page.locator('#upload').getByRole('row', { name: /5\.0\.5/ }).waitFor();
      await page.locator('#status').getByRole('button', { name: 'Snapshot' }).click();
      await page.getByLabel('Name of the snapshot').fill('before the works');
      await page.screenshot({ path: `${directory}/snapshot-question-${colorScheme}-${width}.png` });
      await page.getByRole('dialog').getByRole('button', { name: 'Snapshot', exact: true }).click();
      await page.locator('#recovery').getByRole('row', { name: /snap-001/ }).waitFor();
      await page.locator('#status').getByRole('button', { name: 'Debug Bundle' }).click();
      await page.locator('#status').getByRole('link', { name: 'Download' }).waitFor();
      for (const section of ['status', 'upload', 'recovery', 'monitor']) {
        const path = `${directory}/${section}-${colorScheme}-${width}.png`;
        await page.locator(`#${section}`).screenshot({ path });
      }
    });
  }
}
