import { test } from '../support/test.ts';

// For people: `SCREENSHOTS=directory setup/browser-tests screenshots` puts pictures of the page there.
const directory = process.env.SCREENSHOTS;
test.skip(directory === undefined, 'pictures are taken on request');

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`the page, ${colorScheme}, ${width} px`, async ({ page, login }) => {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await login('operator');
      await page.screenshot({ path: `${directory}/page-${colorScheme}-${width}.png`, fullPage: true });
    });
  }
}
