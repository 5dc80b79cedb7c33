import { chromium } from '@playwright/test';
import { Customer } from './harness/customer';
import { inTemporaryFolder } from './harness/demo';
import { expect, heldBack, ines, storedPasskey, test } from './harness/test';

test.describe('F1: signing in takes a face or fingerprint, no password and no code', () => {
  test('by the button, without a user name, with the person verified', async ({ ines }) => {
    await ines.signInWithPasskey();

    expect(ines.gate.calls).toHaveLength(1);
    const call = ines.gate.calls[0];
    expect(call?.method).toBe('get');
    expect(call?.options.userVerification).toBe('required');
    expect(call?.options.allowCredentials ?? [], 'no account is named').toEqual([]);

    const asked = ines.gate.requests.filter((each) => each.method === 'POST').map((each) => new URL(each.url).pathname);
    expect(new Set(asked)).toEqual(new Set(['/v1/login/passkey/options', '/v1/login/passkey']));
    expect(JSON.stringify(ines.gate.requests), 'nobody typed who they are').not.toContain(ines.email);

    const account = await ines.get<{ session: { method: string } }>('/v1/account');
    expect(account.body.session.method).toBe('passkey');
  });

  test('a sensor that does not recognise the person signs nobody in, and every other way stays', async ({ ines }) => {
    await ines.device.recognises(false);
    await ines.open('/sign-in');
    await ines.button('Sign in with a passkey').click();
    await expect(ines.page.getByRole('main')).toContainText('Password and a code');
    expect((await ines.get('/v1/account')).status).toBe(401);
  });

  test.describe('in the list of the user-name field', () => {
    test.use({ autofill: true });

    test('a passkey is picked without a button', async ({ ines }) => {
      await ines.open('/sign-in');
      await ines.atHome();
      expect(ines.gate.calls.map((each) => each.mediation)).toEqual(['conditional']);
      await expect(ines.page.getByText('Total balance')).toBeVisible();
    });

    test('the button takes over from the list, and a device without a passkey is shown the other ways', async ({
      ines,
    }) => {
      await ines.device.clear();
      await ines.open('/sign-in');
      await ines.button('Sign in with a passkey').click();
      await ines.button(/^Password and a code/).click();
      await expect(ines.field('E-mail or phone')).toBeVisible();
    });
  });
});

test('F8: closing and opening the browser asks for nothing', async ({ demo, launchOptions, viewport }) => {
  await inTemporaryFolder(async (profile) => {
    const open = async () => {
      const context = await chromium.launchPersistentContext(profile, {
        ...launchOptions,
        viewport,
        baseURL: demo.origin,
      });
      return Customer.in(context, ines, demo);
    };
    const before = await open();
    await before.device.add(await storedPasskey());
    await before.signInWithPasskey();
    await before.context.close();

    const after = await open();
    await after.open('/');
    await after.atHome();
    for (const [path, heading] of [
      ['/security', 'Security'],
      ['/activity', 'Activity'],
      ['/withdraw', 'Withdraw'],
    ] as const) {
      await after.open(path);
      await expect(after.heading(heading)).toBeVisible();
    }
    expect(after.gate.calls, 'no call of navigator.credentials').toEqual([]);
    await after.context.close();
    expect([...before.gate.faults, ...after.gate.faults]).toEqual([]);
  });
});

test('a tap on signing in opens no window of the device once its page was left', async ({ ines }) => {
  await ines.open('/sign-in');
  await heldBack(ines.page, '**/v1/login/passkey/options');
  await ines.button('Sign in with a passkey').click();
  await expect(ines.button('Cancel')).toBeVisible();
  const given = ines.page.waitForEvent('requestfailed');
  await ines.link('Trouble signing in?').click();
  await given;
  await ines.page.unroute('**/v1/login/passkey/options');
  await ines.signInWithPasskey();
  expect(ines.gate.calls).toHaveLength(1);
});

test.describe('F12: a stolen password alone is worth nothing', () => {
  test.use({ world: 'new' });

  test('right or wrong, known or unknown: the same page, the same refusal, and no session', async ({
    ines,
    another,
  }) => {
    const attempts = [
      { who: 'the right password', email: ines.email, password: await ines.demo.inbox.password(ines.email) },
      { who: 'a wrong password', email: ines.email, password: 'copper heron 42' },
      { who: 'an unknown account', email: 'nobody@halloran.example', password: 'copper heron 41' },
    ];
    // What counts down differs by seconds.
    const told = (text: string) => text.replace(/\d+:\d\d/g, 'a while');
    const seen: { asking: string; refused: string; fields: string }[] = [];
    for (const attempt of attempts) {
      const thief = await another(attempt.email);
      await thief.open('/sign-in');
      await thief.typePassword(attempt.email, attempt.password);
      const main = thief.page.getByRole('main');
      await expect(thief.field('6-digit code')).toBeFocused();
      const asking = told(await main.innerText());

      const answered = thief.page.waitForResponse(/\/v1\/verifications\/[^/]+\/codes$/);
      await thief.field('6-digit code').fill('000000');
      await thief.button('Sign in').click();
      const answer = await answered;
      expect(answer.status(), attempt.who).toBe(422);
      const { code, verification } = (await answer.json()) as { code: string; verification?: object };
      await expect(main).toContainText('That didn’t match. Check the password and the code.');
      seen.push({
        asking,
        refused: told(await main.innerText()),
        fields: `${code} ${JSON.stringify(Object.keys(verification ?? {}))}`,
      });
      expect((await thief.get('/v1/account')).status, attempt.who).toBe(401);
      expect((await thief.context.cookies()).map((each) => each.name)).toEqual(['device']);
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[2]).toEqual(seen[0]);
  });
});

test('F7: codes go on signing in after a passkey exists', async ({ ines }) => {
  await ines.signInWithCodes();
  const account = await ines.get<{ passkeys: { total: number }; session: { method: string } }>('/v1/account');
  expect(account.body.passkeys.total).toBe(1);
  expect(account.body.session.method).toBe('codes');
});
