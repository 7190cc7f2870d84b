// A demo gateway for one test: the publisher with repository and plant, and the real server, on free ports in a directory of
// their own. Both are stopped by process id when the test ends.
import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, '../../target');
const server = process.env.GATEWAY_OTA ?? join(target, 'debug/gateway-ota');
const publisher = process.env.OTA_PUBLISH ?? join(target, 'debug/ota-publish');

export const password = 'demo-gateway';
export const overridePin = '739281';
export const factoryPin = '204816';
export const users = ['viewer', 'operator', 'admin'] as const;
export type User = (typeof users)[number];

/** A port that nobody has. It lies outside the range that the system hands out by itself, because it is bound only a while later. */
async function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const isFree = await new Promise<boolean>((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return isFree ? port : freePort();
}

/** Asks until `question` says yes. */
export async function until(what: string, question: () => Promise<boolean>, limit = 120_000): Promise<void> {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    if (await question().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${limit} ms for ${what}`);
}

export class Gateway {
  private constructor(
    readonly directory: string,
    readonly url: string,
    readonly plantUrl: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  private publisher?: ChildProcess;
  private server?: ChildProcess;

  /** `environment` overrides the configuration: `GATEWAY_OTA__SECTION__KEY`. */
  static async start(environment: Record<string, string> = {}): Promise<Gateway> {
    const directory = mkdtempSync(join(tmpdir(), 'gateway-ota-e2e-'));
    const [gatewayPort, plantPort] = [await freePort(), await freePort()];
    const gateway = new Gateway(directory, `http://127.0.0.1:${gatewayPort}`, `http://127.0.0.1:${plantPort}`, {
      ...process.env,
      GATEWAY_OTA__SAFETY__CLEAR_FOR_SECONDS: '2',
      ...environment,
    });
    await gateway.startPublisher();
    gateway.provision();
    await gateway.startServer();
    return gateway;
  }

  private get configuration(): string {
    return join(this.directory, 'config.toml');
  }

  private log(name: string): number {
    return openSync(join(this.directory, `${name}.log`), 'a');
  }

  private async startPublisher(): Promise<void> {
    const log = this.log('publisher');
    const hosts = ['--listen', new URL(this.plantUrl).host, '--gateway', new URL(this.url).host];
    this.publisher = spawn(publisher, ['demo', '--data-dir', this.directory, ...hosts], {
      stdio: ['ignore', log, log],
    });
    await until('the plant', async () => (await fetch(`${this.plantUrl}/plant`)).ok);
  }

  private provision(): void {
    const factory = (version: string) => join(this.directory, 'factory', `${version}.raucb`);
    this.cli(['provision', '--slot', `A=${factory('v5.0.4')}`, '--slot', `B=${factory('v5.0.3')}`]);
    for (const user of users) this.cli(['user', 'add', user, '--role', user], `${password}\n`);
    this.cli(['pin', 'set', 'override'], `${overridePin}\n`);
    this.cli(['pin', 'set', 'factory'], `${factoryPin}\n`);
  }

  /** Runs an offline command of the product. */
  cli(parameters: string[], input?: string): string {
    const [command, ...rest] = parameters;
    const parts = command === undefined ? [] : [command, ...rest, '--config', this.configuration];
    return execFileSync(server, parts, { env: this.environment, input, encoding: 'utf8' });
  }

  /** Runs a command of the publisher. */
  publish(parameters: string[]): string {
    return execFileSync(publisher, parameters, { encoding: 'utf8' });
  }

  /** The published bundle of a version. */
  target(version: string): string {
    const targets = join(this.directory, 'repository/targets');
    const name = readdirSync(targets).find((file) => file.includes(version) && file.endsWith('.raucb'));
    if (name === undefined) throw new Error(`no bundle of ${version} is published`);
    return join(targets, name);
  }

  /** Publishes a release whose image starts, but carries no health file. */
  publishUnhealthy(id: string, version: string): void {
    const work = join(this.directory, 'unhealthy');
    mkdirSync(join(work, 'root/etc'), { recursive: true });
    writeFileSync(join(work, 'root/etc/os-release'), `VERSION_ID=${version}\n`);
    execFileSync('/usr/sbin/mke2fs', ['-q', '-t', 'ext4', '-d', join(work, 'root'), join(work, 'rootfs.img'), '16M']);
    writeFileSync(
      join(work, 'manifest.raucm'),
      `[update]\ncompatible=Univa-GW-Pro\nversion=${version}\n\n[bundle]\nformat=verity\n\n` +
        `[image.rootfs]\nfilename=rootfs.img\n\n[meta.gateway-ota]\nkernel=6.1.33-LTS\n`,
    );
    const [keys, repository] = [join(this.directory, 'keys'), join(this.directory, 'repository')];
    const bundle = join(work, `gateway-${version}.raucb`);
    this.publish(['bundle', '--keys', keys, '--manifest', join(work, 'manifest.raucm'), '--out', bundle]);
    const texts = ['--id', id, '--type', 'bugfix', '--severity', 'low', '--description', 'Carries no health file.'];
    this.publish(['release', '--repository', repository, '--keys', keys, '--bundle', bundle, ...texts]);
  }

  private async startServer(): Promise<void> {
    const log = this.log('server');
    this.server = spawn(server, ['serve', '--config', this.configuration], {
      stdio: ['ignore', log, log],
      env: this.environment,
    });
    await until('the gateway', async () => (await fetch(`${this.url}/readyz`)).ok);
  }

  /** Moves the plant's knobs. */
  async plant(knobs: Record<string, unknown>): Promise<void> {
    const answer = await fetch(`${this.plantUrl}/plant`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(knobs),
    });
    if (!answer.ok) throw new Error(`the plant answered ${answer.status}`);
  }

  /** Logs in over the API and returns a caller of it. */
  async api(user: User): Promise<(path: string, body?: unknown) => Promise<any>> {
    const login = await fetch(`${this.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-gateway-id': 'GW-3920A9' },
      body: JSON.stringify({ username: user, password }),
    });
    const token = (await login.json()).data.token;
    return async (path, body) => {
      const answer = await fetch(`${this.url}/api/v1/ota/${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'x-gateway-id': 'GW-3920A9',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return answer.json();
    };
  }

  /** The claim token that the service printed last. */
  claimToken(): string {
    const tokens = this.read('server.log').toString().match(/^ +([0-9A-Z]{4}(?:-[0-9A-Z]{4}){3})$/gm);
    const last = tokens?.at(-1);
    if (last === undefined) throw new Error('no claim token was printed');
    return last.trim();
  }

  read(path: string): Buffer {
    return readFileSync(join(this.directory, path));
  }

  /** The boot environment as U-Boot's own tool reads it. */
  bootEnvironment(): Record<string, string> {
    const text = execFileSync('fw_printenv', ['-c', join(this.directory, 'fw_env.config')], { encoding: 'utf8' });
    return Object.fromEntries(text.trim().split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
  }

  async stop(): Promise<void> {
    await Promise.all([this.server, this.publisher].map(end));
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function end(process: ChildProcess | undefined): Promise<void> {
  if (process === undefined || process.exitCode !== null || process.signalCode !== null) return;
  const gone = new Promise((resolve) => process.once('exit', resolve));
  process.kill('SIGTERM');
  const late = setTimeout(() => process.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(late);
}
