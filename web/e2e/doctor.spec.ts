import type { Page } from '@playwright/test';
import type { Customer } from './harness/customer';
import { expect, ines, test } from './harness/test';

/** What a browser is made out to be, before anything of the page runs. */
interface Pretence {
  agent?: string;
  platform?: string;
  platformVersion?: string;
  model?: string;
  uvpaa?: boolean;
  noApi?: boolean;
  insecure?: boolean;
  /** How every ceremony ends, and when. */
  fails?: { name: string; after?: number; hidden?: boolean };
}

async function pretend(page: Page, pretence: Pretence): Promise<void> {
  await page.addInitScript((p: Pretence) => {
    const define = (on: object, name: string, value: unknown) =>
      Object.defineProperty(on, name, { configurable: true, get: () => value });
    if (p.agent) define(Navigator.prototype, 'userAgent', p.agent);
    define(
      Navigator.prototype,
      'userAgentData',
      p.platform && {
        platform: p.platform,
        brands: [{ brand: 'Google Chrome', version: '148' }],
        getHighEntropyValues: () => Promise.resolve({ platformVersion: p.platformVersion ?? '', model: p.model ?? '' }),
      },
    );
    if (p.insecure) define(window, 'isSecureContext', false);
    if (p.noApi) define(window, 'PublicKeyCredential', undefined);
    else if (typeof PublicKeyCredential !== 'undefined') {
      PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = () => Promise.resolve(p.uvpaa ?? true);
      const told = { userVerifyingPlatformAuthenticator: p.uvpaa ?? true, hybridTransport: true };
      Object.assign(PublicKeyCredential, { getClientCapabilities: () => Promise.resolve(told) });
    }
    const { fails } = p;
    if (fails && typeof CredentialsContainer !== 'undefined') {
      if (fails.hidden) define(Document.prototype, 'visibilityState', 'hidden');
      // The clock that a ceremony is timed by runs on at once, so that nobody waits for five minutes.
      let shift = 0;
      const real = performance.now.bind(performance);
      performance.now = () => real() + shift;
      const end = () => {
        shift += fails.after ?? 0;
        return Promise.reject(new DOMException('made up', fails.name));
      };
      CredentialsContainer.prototype.get = end;
      CredentialsContainer.prototype.create = end;
    }
  }, pretence);
}

const windows = { platform: 'Windows', platformVersion: '15.0.0' };
const android = { platform: 'Android', platformVersion: '16.0.0', model: 'Pixel 9' };
const line =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1 Line/14.0.0';
const desktop = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36';
const oldPhone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.8 Mobile/15E148 Safari/604.1';

async function finds(customer: Customer, verdict: string, title: string, failing?: string): Promise<void> {
  await expect(customer.heading(title)).toBeVisible();
  const main = customer.page.getByRole('main');
  await expect(main.getByText(verdict, { exact: true })).toBeVisible();
  if (failing) {
    await expect(main.locator('section[aria-labelledby=checks-head] li').first()).toContainText(failing);
  }
}

test.describe('what the device itself tells, before anything was tried', () => {
  const causes: [row: string, pretence: Pretence, verdict: string, title: string, failing?: string][] = [
    ['D1', { insecure: true }, 'Fixable', 'This address isn’t secure', 'Secure address'],
    ['D2', { agent: line }, 'Fixable', 'LINE can’t use passkeys', 'Own window'],
    ['D3', { ...windows, noApi: true }, 'Not on this device', 'This Chrome is too old for passkeys', 'Passkey support'],
    ['D3', { agent: oldPhone }, 'Not on this device', 'This system is too old for passkeys', 'System'],
    ['D4', { ...android, uvpaa: false }, 'Fixable', 'Set a screen lock first', 'Screen lock'],
    ['D5', { ...windows, uvpaa: false }, 'Fixable', 'Turn on Windows Hello', 'Windows Hello'],
    ['D6', { agent: desktop, uvpaa: false }, 'Not on this device', 'This computer can’t hold a passkey', 'Screen lock'],
    ['none', windows, 'Ready', 'This device is ready'],
  ];
  for (const [row, pretence, verdict, title, failing] of causes) {
    test(`${row}: ${title}`, async ({ another }) => {
      const visitor = await another(ines);
      await pretend(visitor.page, pretence);
      await visitor.open('/doctor');
      await finds(visitor, verdict, title, failing);
    });
  }

  test('D21: offline, and it looks again by itself when the connection is back', async ({ another }) => {
    const visitor = await another(ines);
    await pretend(visitor.page, windows);
    visitor.gate.expect(/ERR_INTERNET_DISCONNECTED/);
    await visitor.open('/doctor');
    await finds(visitor, 'Ready', 'This device is ready');
    await visitor.context.setOffline(true);
    await visitor.button('Check again').click();
    await finds(visitor, 'Fixable', 'You’re offline', 'Connection');
    await visitor.context.setOffline(false);
    await finds(visitor, 'Ready', 'This device is ready');
  });

  test('D4 is told with the phone’s own menus, and is over once the lock is set', async ({ another }) => {
    const visitor = await another(ines, { viewport: { width: 390, height: 844 } });
    await pretend(visitor.page, { ...android, uvpaa: false });
    await visitor.open('/doctor');
    await expect(visitor.page.getByRole('heading', { name: 'On your Pixel' })).toBeVisible();
    for (const step of ['Settings', 'Security', 'Screen lock']) {
      await expect(visitor.page.getByRole('listitem').filter({ hasText: step }).first()).toBeVisible();
    }
    await visitor.page.evaluate(() => {
      PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = () => Promise.resolve(true);
    });
    await visitor.button('Check again').click();
    await finds(visitor, 'Ready', 'This device is ready');
  });
});

test.describe('how a sign-in ended', () => {
  const causes: [row: string, fails: Pretence['fails'], title: string, more?: Pretence][] = [
    ['D7', { name: 'NotAllowedError', after: 300 }, 'Your device closed the request'],
    ['D10', { name: 'NotAllowedError', after: 299_000 }, 'That took too long'],
    ['D13', { name: 'NotSupportedError', after: 2000 }, 'This authenticator isn’t compatible'],
    ['D14', { name: 'NotReadableError', after: 2000 }, 'Your password manager had a problem'],
    ['D15', { name: 'SecurityError', after: 20 }, 'Something’s wrong on our side'],
    ['D16', { name: 'TypeError', after: 20 }, 'Something’s wrong on our side'],
    ['D17', { name: 'NotAllowedError', after: 5000 }, 'No passkey used'],
    ['D5', { name: 'NotAllowedError', after: 400 }, 'Turn on Windows Hello', { uvpaa: false }],
  ];
  for (const [row, fails, title, more] of causes) {
    test(`${row}: ${fails?.name} after ${fails?.after} ms is “${title}”`, async ({ another }) => {
      const visitor = await another(ines);
      await pretend(visitor.page, { ...windows, fails, ...more });
      await visitor.open('/sign-in');
      const told = visitor.page.waitForResponse((each) => each.url().endsWith('/v1/attempts') && each.ok());
      await visitor.button('Sign in with a passkey').click();
      await told;
      await visitor.link(/^Check this device/).click();
      await expect(visitor.heading(title)).toBeVisible();
      await expect(visitor.page.getByText('Signing in', { exact: true })).toBeVisible();
    });
  }

  test('D8: a tap that was lost is asked for once more', async ({ another }) => {
    const visitor = await another(ines);
    await pretend(visitor.page, { ...windows, fails: { name: 'NotAllowedError', after: 20, hidden: true } });
    await visitor.open('/sign-in');
    await visitor.button('Sign in with a passkey').click();
    await visitor.link(/^Check this device/).click();
    await expect(visitor.heading('Tap the button again')).toBeVisible();
  });

  test('D20: our own abort is nothing that ails the device', async ({ another }) => {
    const visitor = await another(ines);
    await pretend(visitor.page, windows);
    await visitor.device.answers(false);
    await visitor.open('/sign-in');
    await visitor.button('Sign in with a passkey').click();
    await visitor.button('Cancel').click();
    await expect(visitor.button('Sign in with a passkey')).toBeVisible();
    await visitor.link('Trouble signing in?').click();
    await finds(visitor, 'Ready', 'This device is ready');
  });

  test('D18: a passkey that was deleted here', async ({ another, ines: owner }) => {
    await owner.signInWithPasskey();
    const [passkey] = await owner.device.passkeys();
    await owner.open('/security/passkeys');
    await owner.link(/^Manage passkey/).click();
    await owner.button('Delete this passkey').click();
    await owner.button('Verify and delete').click();
    await owner.button('Confirm with a passkey').click();
    await expect(owner.heading('Sign in and withdraw with a passkey')).toBeVisible();

    const visitor = await another(ines);
    if (passkey) await visitor.device.add(passkey);
    await pretend(visitor.page, windows);
    await visitor.open('/sign-in');
    await visitor.button('Sign in with a passkey').click();
    await expect(visitor.page.getByRole('alert')).toBeVisible();
    await visitor.link('Trouble signing in?').click();
    await finds(visitor, 'Fixable', 'This passkey isn’t ours any more', 'Passkey for this account');
  });

  test('D19 and D22: what the server refused', async ({ another }) => {
    const visitor = await another(ines);
    await pretend(visitor.page, windows);
    for (const [code, title] of [
      ['challenge_expired', 'That request expired'],
      ['user_not_verified', 'Your password manager skipped the check'],
    ] as const) {
      await visitor.open('/doctor');
      await visitor.page.evaluate((code) => {
        const failure = { error: '', code, elapsedMs: null, timeoutMs: 0, visible: true, at: Date.now() };
        const steps = [{ step: 'refused', at: Date.now() }];
        const attempt = { operation: 'sign_in', verification: null, id: '', reference: '', steps, failure, path: '/' };
        sessionStorage.setItem('attempt', JSON.stringify(attempt));
      }, code);
      await visitor.page.reload();
      await expect(visitor.heading(title)).toBeVisible();
    }
  });
});

test.describe('how creating a passkey ended', () => {
  test.use({ world: 'new' });

  test('D9, D11, D12: from the failure to the doctor and back, with the codes still confirmed', async ({ ines }) => {
    await ines.signInWithCodes();
    await pretend(ines.page, windows);
    // One page for all of them: the error is the browser's, as the test sets it.
    await ines.page.addInitScript(() => {
      CredentialsContainer.prototype.create = () =>
        new Promise((_, reject) => {
          const name = (window as unknown as { endsWith?: string }).endsWith ?? 'NotAllowedError';
          const real = performance.now.bind(performance);
          performance.now = () => real() + 5000;
          reject(new DOMException('made up', name));
        });
    });
    await ines.open('/security/passkeys/new');
    await expect(ines.heading('Verify it’s you')).toBeVisible();
    await ines.typeCodes();
    await ines.button('Verify').click();
    const ready = ines.heading('You’re verified. Now create your passkey.');
    for (const [name, title] of [
      ['NotAllowedError', 'No passkey was created'],
      ['InvalidStateError', 'Already set up here'],
      ['ConstraintError', 'This key can’t verify it’s you'],
    ] as const) {
      await expect(ready).toBeVisible();
      await ines.page.evaluate((name) => Object.assign(window, { endsWith: name }), name);
      await ines.button('Continue').click();
      await ines.link(/^Check this device/).click();
      await expect(ines.heading(title)).toBeVisible();
      await expect(ines.page.getByText('Creating a passkey', { exact: true })).toBeVisible();
      await ines.page.goBack();
    }
    await expect(ready).toBeVisible();
  });
});

test('D15: inside another page’s frame nothing is shown at all, as no page may frame ours', async ({
  another,
  demo,
}) => {
  const visitor = await another(ines);
  const answer = await visitor.page.request.get(`${demo.origin}/doctor`);
  expect(answer.headers()['content-security-policy']).toContain("frame-ancestors 'none'");
});

test('the report can be read and copied, and holds nothing of the person', async ({ ines }) => {
  await ines.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await ines.signInWithPasskey();
  await ines.requestWithdrawal();
  await ines.device.recognises(false);
  const told = ines.page.waitForResponse((each) => each.url().endsWith('/v1/attempts') && each.ok());
  await ines.button('Confirm with passkey').click();
  await told;
  await ines.page
    .getByRole('dialog')
    .getByRole('link', { name: /^Check this device/ })
    .click();
  await expect(ines.page.getByText('Confirming a withdrawal')).toBeVisible();
  await ines.button('Read report').click();
  const dialog = ines.page.getByRole('dialog', { name: 'The report' });
  await expect(dialog).toContainText('NotAllowedError');
  await dialog.getByRole('button', { name: 'Copy report' }).click();
  await expect(ines.page.getByText('Copied')).toBeVisible();
  const text = await ines.page.evaluate(() => navigator.clipboard.readText());
  expect(text).toContain('operation: confirm');
  const { body: me } = await ines.get<{ id: string; name: string; factors: { phone: { hint: string } } }>(
    '/v1/account',
  );
  const [passkey] = await ines.device.passkeys();
  const withdrawal = ines.page.url();
  for (const secret of [ines.email, me.id, me.name, me.factors.phone.hint, passkey?.credentialId ?? '?', 'wd_']) {
    expect(text).not.toContain(secret);
  }
  expect(withdrawal).toContain('/doctor');
  const sent = ines.gate.requests.filter((each) => each.url.endsWith('/v1/attempts'));
  expect(sent.length).toBeGreaterThan(0);
  for (const { body } of sent) expect(body).not.toMatch(/halloran|credential_?id|@/i);
});

test('a ceremony never waits for its report, and does not mind when none can be sent', async ({ another }) => {
  const visitor = await another(ines);
  await visitor.page.route('**/v1/attempts', (route) => route.abort());
  visitor.gate.expect(/ERR_FAILED/);
  await pretend(visitor.page, { ...windows, fails: { name: 'NotAllowedError', after: 3000 } });
  await visitor.open('/sign-in');
  await visitor.button('Sign in with a passkey').click();
  await expect(visitor.heading('No passkey used')).toBeVisible();
  await visitor.link(/^Check this device/).click();
  await expect(visitor.heading('No passkey used')).toBeVisible();
});
