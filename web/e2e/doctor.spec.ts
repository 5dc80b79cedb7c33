import type { Page } from '@playwright/test';
import { expect, test } from './harness/test';

/** What a browser would say of itself if something were in the way. Run in the page, before its own scripts. */
type Simulation = { userAgent?: string; uvpaa?: boolean; noApi?: true; error?: string };

async function simulate(page: Page, simulation: Simulation): Promise<void> {
  await page.addInitScript(({ userAgent, uvpaa, noApi, error }: Simulation) => {
    if (userAgent) {
      Object.defineProperty(navigator, 'userAgent', { get: () => userAgent });
      Object.defineProperty(navigator, 'userAgentData', { get: () => undefined });
    }
    if (noApi) Reflect.deleteProperty(window, 'PublicKeyCredential');
    else if (uvpaa !== undefined) {
      PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable = () => Promise.resolve(uvpaa);
    }
    if (error) {
      const fail = () => Promise.reject(new DOMException('simulated', error));
      navigator.credentials.create = fail;
      navigator.credentials.get = fail;
    }
  }, simulation);
}

const android =
  'Mozilla/5.0 (Linux; Android 14; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile Safari/537.36';
const windows =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36';
const linux = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36';
const line =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/15.1';
const oldPhone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 15_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.6 Mobile/15E148 Safari/604.1';

test.describe('the doctor says what is in the way, by what the browser tells', () => {
  for (const [name, simulation, title] of [
    ['a phone without a screen lock', { userAgent: android, uvpaa: false }, 'Set a screen lock first'],
    ['a computer without Windows Hello', { userAgent: windows, uvpaa: false }, 'Turn on Windows Hello'],
    ['a computer that can hold none', { userAgent: linux, uvpaa: false }, 'This computer can’t hold a passkey'],
    ['a browser inside another app', { userAgent: line }, 'LINE can’t use passkeys'],
    ['a system that is too old', { userAgent: oldPhone }, 'This system is too old for passkeys'],
    ['a browser that is too old', { userAgent: linux, noApi: true }, 'This Chrome is too old for passkeys'],
    ['nothing at all', { uvpaa: true }, 'This device is ready'],
  ] satisfies [string, Simulation, string][]) {
    test(`${name}`, async ({ ines }) => {
      await simulate(ines.page, simulation);
      await ines.open('/help');
      await ines.link(/^Check this device/).click();
      await expect(ines.heading(title)).toBeVisible();
      expect(ines.gate.calls, 'looking asks the device for nothing').toEqual([]);
    });
  }
});

test.describe('a creation that fails is explained', () => {
  for (const [error, title] of [
    ['NotAllowedError', 'Your device closed the request'],
    ['InvalidStateError', 'Already set up here'],
    ['ConstraintError', 'This key can’t verify it’s you'],
  ] as const) {
    test(`${error}: ${title}`, async ({ ines }) => {
      await ines.signInWithPasskey();
      await simulate(ines.page, { uvpaa: true, error });
      await ines.open('/security/passkeys/new');
      await ines.typeCodes();
      await ines.button('Verify').click();
      const told = ines.page.waitForResponse((answer) => answer.url().endsWith('/v1/attempts') && answer.ok());
      await ines.button('Continue').click();
      await ines.link(/Check this device/).click();
      await expect(ines.heading(title)).toBeVisible();

      const { reference } = (await (await told).json()) as { reference: string };
      await ines.button('Read it').click();
      const report = ines.page.getByRole('dialog');
      await expect(report).toContainText(reference);
      await expect(report).toContainText(error);
      for (const secret of [ines.email, 'halloran', 'acc_', 'ver_', 'pk_']) {
        await expect(report).not.toContainText(secret);
      }
    });
  }
});

test.describe('without a session, a sign-in that fails leads to the doctor', () => {
  for (const [error, title] of [
    ['NotReadableError', 'Your password manager had a problem'],
    ['SecurityError', 'Something’s wrong on our side'],
  ] as const) {
    test(error, async ({ ines }) => {
      await simulate(ines.page, { uvpaa: true, error });
      await ines.open('/sign-in');
      await ines.button('Sign in with a passkey').click();
      await ines.link(/Check this device/).click();
      await expect(ines.heading(title)).toBeVisible();
      await ines
        .link(/^Try again/)
        .first()
        .click();
      await expect(ines.heading('Sign in')).toBeVisible();
    });
  }
});
