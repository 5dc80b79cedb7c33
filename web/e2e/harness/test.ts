import { test as base, type BrowserContextOptions, type Page } from '@playwright/test';
import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Credential, Kind } from './authenticator';
import { Customer } from './customer';
import { Demo, inTemporaryFolder, repository } from './demo';
import { Operator } from './operator';

export { expect } from '@playwright/test';

/** What prepare.ts leaves for the others: a demo in which Ines has a passkey, that passkey, and the codes spent on the way. */
export const prepared = fileURLToPath(new URL('../../test-results/prepared/', import.meta.url));

export const ines = 'ines@halloran.example';
export const tom = 'tom@okafor.example';

/** Whom the demo invites to its desk. */
export const firstAdmin = 'Tomas Keller';

interface Options {
  /** How far the demo's people have come: as the demo begins, or Ines with a passkey that is also in her device. */
  world: 'new' | 'with a passkey';
  /** How many passkeys Ines has besides. */
  besides: number;
  /**
   * Whether the browser offers passkeys in autofill lists. A test's authenticator answers that offer the moment the page
   * makes it, so a person who presses the button instead can only be played where there is none.
   */
  autofill: boolean;
}

interface Fixtures {
  demo: Demo;
  /** Another browser of somebody, watched like the first; it has its own cookies and its own device. */
  another: (email: string, options?: BrowserContextOptions & Kind) => Promise<Customer>;
  ines: Customer;
  tom: Customer;
  /** A browser of somebody who works at the desk; they are not in yet. */
  colleague: () => Promise<Operator>;
  /** The first operator, who came in by the demo's invitation. */
  admin: Operator;
}

async function read<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(`${prepared}${name}`, 'utf8')) as T;
}

/** Holds requests to such addresses back from now on, until what it returns is called. */
export async function heldBack(page: Page, url: string): Promise<() => void> {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route(url, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

export const storedPasskey = (): Promise<Credential> => read('passkey.json');

export const test = base.extend<Fixtures & Options>({
  world: ['with a passkey', { option: true }],

  besides: [0, { option: true }],
  autofill: [false, { option: true }],

  demo: async ({ world, besides }, use) => {
    await inTemporaryFolder(async (folder) => {
      if (world === 'with a passkey') await cp(`${prepared}data`, folder, { recursive: true });
      if (besides) {
        // Built as `make build` builds: what that compiled is not compiled again within the test's time.
        const command = ['run', '-trimpath', './web/e2e/tools/manypasskeys', folder, ines, String(besides)];
        await promisify(execFile)('go', command, { cwd: repository });
      }
      const demo = await Demo.start(folder);
      if (world === 'with a passkey') demo.inbox.goOnFrom(await read<Record<string, number>>('spent.json'));
      await use(demo);
      await demo.stop();
    });
  },

  baseURL: async ({ demo }, use) => use(demo.origin),

  another: async ({ browser, demo, autofill, locale, timezoneId, viewport, colorScheme }, use) => {
    const opened: Customer[] = [];
    await use(async (email, { synced, ...options } = {}) => {
      const context = await browser.newContext({
        locale,
        timezoneId,
        viewport,
        colorScheme,
        baseURL: demo.origin,
        ...options,
      });
      const customer = await Customer.in(context, email, demo, { synced, autofill });
      opened.push(customer);
      return customer;
    });
    for (const customer of opened) await customer.context.close();
    base
      .expect(
        opened.flatMap((each) => each.gate.faults),
        'no exceptions, no errors in the console, no requests to others',
      )
      .toEqual([]);
  },

  colleague: async ({ browser, demo, locale, timezoneId, viewport, colorScheme }, use) => {
    const opened: Operator[] = [];
    await use(async () => {
      const context = await browser.newContext({ locale, timezoneId, viewport, colorScheme, baseURL: demo.origin });
      const operator = await Operator.in(context, demo);
      opened.push(operator);
      return operator;
    });
    for (const operator of opened) await operator.page.context().close();
    base
      .expect(
        opened.flatMap((each) => each.gate.faults),
        'no exceptions, no errors in the console, no requests to others',
      )
      .toEqual([]);
  },

  admin: async ({ colleague, demo }, use) => {
    const operator = await colleague();
    await operator.accept(demo.invitation, firstAdmin);
    await use(operator);
  },

  ines: async ({ another, world }, use) => {
    const customer = await another(ines);
    if (world === 'with a passkey') await customer.device.add(await storedPasskey());
    await use(customer);
  },

  tom: async ({ another }, use) => use(await another(tom)),
});
