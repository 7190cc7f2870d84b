import { test, expect, runningVersion } from '../support/test.ts';
import { until } from '../support/gateway.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Orders it, once more where an interlock is unknown for a moment. */
async function installed(api: (path: string, body?: unknown) => Promise<any>, order: unknown): Promise<void> {
  let answer: any;
  await until('the interlocks', async () => {
    answer = await api('install', order);
    return answer.error?.code !== 'OTA_UPDATE_BLOCKED';
  });
  expect(answer.success).toBe(true);
}

// One component after the other, then the system, while the page is watched.
test('a rolling installation shows each component and ends in the new system', async ({ gateway, login }) => {
  // Each activation lasts until it was read.
  const script = 'bin/activate-component';
  const read = (component: string) => join(gateway.directory, `read-${component}`);
  const wait = `while [ ! -e "${read('$GATEWAY_OTA_COMPONENT')}" ]; do sleep 0.1; done`;
  writeFileSync(join(gateway.directory, script), gateway.read(script).toString().replace('set -eu', `set -eu\n${wait}`));

  const page = await login('operator');
  const components = page.locator('#components');
  await expect(components.getByRole('row', { name: /^crane-app/ })).toContainText('v5.0.4');
  await expect(components.getByRole('row', { name: /^drive-link/ })).toContainText('v5.0.4');

  const api = await gateway.api('operator');
  const { data } = await api('download', { update_id: 'update-002' });
  const progress = async () => (await api(`progress?job_id=${data.job_id}`)).data;
  await until('the download', async () => (await progress()).status === 'downloaded');
  const order = { job_id: data.job_id, strategy: 'rolling', reboot_after: true, create_snapshot: false };
  await installed(api, order);

  const monitor = page.locator('#monitor');
  await expect(monitor).toContainText('Activating crane-app', { timeout: 60_000 });
  await expect(monitor).toContainText('The components of v5.1.0 come one at a time.');
  writeFileSync(read('crane-app'), '');
  await expect(monitor).toContainText('Activating drive-link', { timeout: 60_000 });
  // The first one is new while the second is at work.
  await expect(components.getByRole('row', { name: /^crane-app/ })).toContainText('v5.1.0');
  writeFileSync(read('drive-link'), '');

  await expect(monitor.locator('.result')).toContainText('confirmed', { timeout: 120_000, ignoreCase: true });
  await expect(monitor.locator('.result')).toContainText('crane-app is v5.1.0, drive-link is v5.1.0.');
  await expect(monitor.getByRole('list', { name: 'Health checks' })).toContainText('slot self-test');
  await expect(runningVersion(page)).toHaveText('v5.1.0');
  await expect(components.getByRole('row', { name: /^drive-link/ })).toContainText('v5.1.0');
  expect(gateway.read('run/components/crane-app').toString()).toBe('v5.1.0\n');
});

test('a component that is not well is put back, and the page says which are new', async ({ gateway, login }) => {
  // Whatever the drive link brings, it says that it is not well.
  const script = 'bin/check-component';
  const strict = gateway.read(script).toString().replace('set -u', 'set -u\n[ "$GATEWAY_OTA_COMPONENT" = crane-app ] || { echo no drive answers; exit 1; }');
  writeFileSync(join(gateway.directory, script), strict);

  const page = await login('operator');
  const api = await gateway.api('operator');
  const { data } = await api('download', { update_id: 'update-002' });
  const progress = async () => (await api(`progress?job_id=${data.job_id}`)).data;
  await until('the download', async () => (await progress()).status === 'downloaded');
  const order = { job_id: data.job_id, strategy: 'rolling', reboot_after: true, create_snapshot: false };
  await installed(api, order);

  const result = page.locator('#monitor .result');
  await expect(result).toContainText('no drive answers', { timeout: 60_000 });
  await expect(result).toContainText('crane-app is v5.1.0, drive-link is v5.0.4 again.');
  const components = page.locator('#components');
  await expect(components.getByRole('row', { name: /^crane-app/ })).toContainText('v5.1.0');
  await expect(components.getByRole('row', { name: /^drive-link/ })).toContainText('v5.0.4');
  expect(gateway.bootEnvironment()).toMatchObject({ BOOT_ORDER: 'A B', BOOT_B_LEFT: '3' });
  expect(gateway.read('run/components/drive-link').toString()).toBe('v5.0.4\n');
});
