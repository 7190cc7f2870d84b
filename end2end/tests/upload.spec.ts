// Uploads over a line that is cut: the page goes on by itself, and after it was loaded again.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { test as base, expect, started } from '../support/test.ts';
import { Line } from '../support/line.ts';
import { password } from '../support/gateway.ts';
import type { Page } from '@playwright/test';

type Fixtures = { line: Line; operator: Page };

const test = base.extend<Fixtures>({
  line: async ({ gateway }, use) => {
    const line = await Line.to(gateway.url);
    await use(line);
    await line.close();
  },

  /** The page, over the line. */
  operator: async ({ page, line, complaints }, use) => {
    await page.goto(`${line.url}/ota-system-updates`);
    await page.getByLabel('User name').fill('operator');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page).toHaveURL(/\/ota-system-updates/);
    await started(page);
    await use(page);
    // Of requests that were cut, or came while the gateway still had the last one, the browser complains.
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !/status of 409|net::ERR_/.test(text)));
  },
});

async function begin(page: Page, file: string): Promise<void> {
  const section = page.locator('#upload');
  await section.getByLabel(/Image file/).setInputFiles(file);
  await section.getByRole('button', { name: 'Verify & Prepare Deployment' }).click();
}

/** Opens the page anew over a mended line. It is closed before: the old one would go on with its upload until the new one is there. */
async function openAgain(page: Page, line: Line): Promise<void> {
  const address = page.url();
  await page.goto('about:blank');
  line.mend();
  await page.goto(address);
  await started(page);
}

test('an upload goes on by itself when the line is there again', async ({ gateway, line, operator: page }) => {
  const bundle = gateway.target('v5.0.5');
  const size = statSync(bundle).size;
  line.cutAfter(size * 0.9);
  await begin(page, bundle);
  const section = page.locator('#upload');
  await expect(section).toContainText(/Connection lost at \d+ %; goes on at \d\d:\d\d:\d\d\./);
  line.mend();
  const image = section.getByRole('row', { name: new RegExp(basename(bundle)) });
  await expect(image).toContainText('v5.0.5', { timeout: 60_000 });
  await expect(section.getByRole('alert')).toBeHidden();
  expect(line.sent, 'what had arrived was not sent again').toBeLessThan(size * 1.8);
});

test('an upload goes on after the page was closed, with the same file', async ({ gateway, line, operator: page }) => {
  const bundle = gateway.target('v5.0.5');
  const size = statSync(bundle).size;
  line.cutAfter(size * 0.9);
  await begin(page, bundle);
  const section = page.locator('#upload');
  await expect(section).toContainText('Connection lost at');
  await openAgain(page, line);
  const waiting = section.getByRole('listitem').filter({ hasText: basename(bundle) });
  await expect(waiting).toContainText(/[1-9]\d? % of/);
  await begin(page, bundle);
  await expect(section.getByRole('row', { name: new RegExp(basename(bundle)) })).toContainText('v5.0.5');
  await expect(waiting).toBeHidden();
  expect(line.sent, 'what had arrived was not sent again').toBeLessThan(size * 1.8);
});

test('a cancelled upload leaves nothing, and an interrupted one can be discarded', async ({ gateway, line, operator: page }) => {
  const bundle = gateway.target('v5.0.5');
  const section = page.locator('#upload');
  const unfinished = async () => (await (await gateway.api('operator'))('upload')).data.unfinished.length;
  line.cutAfter(statSync(bundle).size / 2);
  await begin(page, bundle);
  await expect(section).toContainText('Connection lost at');
  await openAgain(page, line);
  await section.getByRole('button', { name: /Discard/ }).click();
  await expect.poll(unfinished).toBe(0);
  await expect(section.getByRole('button', { name: /Discard/ })).toBeHidden();
  line.cutAfter(statSync(bundle).size / 2);
  await begin(page, bundle);
  await expect(section).toContainText('Connection lost at');
  await section.getByRole('button', { name: 'Cancel Upload' }).click();
  await expect(section.getByRole('alert')).toContainText('The gateway removes what has come of it.');
  expect(await unfinished()).toBe(1);
  line.mend();
  await expect(section.getByRole('alert')).toContainText('Nothing of it was kept.');
  expect(await unfinished()).toBe(0);
});
