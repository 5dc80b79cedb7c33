import { expect, test } from './harness/test';

interface Account {
  status: string;
  hold: { reason: string } | null;
}

test('a forgotten password takes every code, gives no session, and pauses withdrawals', async ({ ines }) => {
  const { page, demo } = ines;
  await ines.open('/forgot');
  await ines.field('E-mail').fill(ines.email);
  await demo.inbox.clear();
  await ines.button('Send code').click();
  await ines.field('E-mail code').fill(await demo.inbox.code('email'));
  await ines.button('Continue').click();
  await expect(page.getByText('Now a code from everything else that is bound.')).toBeVisible();
  const send = ines.button(/^Send the codes?$/);
  await expect(send.or(ines.button('Continue'))).toBeVisible();
  if (await send.isVisible()) await send.click();
  await ines.field('SMS code').fill(await demo.inbox.code('sms'));
  await ines.field('Authenticator code').fill(await demo.inbox.authenticatorCode(ines.email));
  await ines.button('Continue').click();
  await expect(ines.heading('Choose a new password')).toBeVisible();
  await expect(page.getByText('A reset pauses withdrawals for 24 hours')).toBeVisible();
  await page.getByLabel('New password', { exact: true }).fill('quiet lantern 58');
  await ines.button('Set password').click();
  await expect(ines.heading('Password set')).toBeVisible();
  expect((await ines.get('/v1/account')).status, 'no session comes of it').toBe(401);

  ines.password = 'quiet lantern 58';
  await ines.signInWithCodes();
  const account = await ines.get<Account>('/v1/account');
  expect(account.body.hold?.reason).toBe('password_reset');
});

test('the link in a mail freezes without signing in, once; everything stops, and signing in still works', async ({
  ines,
  another,
}) => {
  await ines.demo.inbox.clear();
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ amount: '35' });
  await ines.confirmWithPasskey();
  const mail = await ines.demo.inbox.next('email', (each) => each.text.includes('/not-me#'));
  const link = /\/not-me#[A-Za-z0-9_-]+/.exec(mail.text)?.[0] ?? '';

  const anywhere = await another(ines.email);
  await anywhere.open(link);
  await expect(anywhere.heading('Wasn’t you? Freeze now.')).toBeVisible();
  expect((await ines.get<Account>('/v1/account')).body.status, 'opening the page did nothing').toBe('active');
  await anywhere.button('Freeze now').click();
  await expect(anywhere.heading('Your account is frozen')).toBeVisible();

  expect((await ines.get('/v1/account')).status, 'every session ended').toBe(401);
  await ines.signInWithPasskey();
  await expect(ines.page.getByText('Your account is frozen')).toBeVisible();
  const stopped = await ines.get<{ state: string }>(`/v1/withdrawals/${id}`);
  expect(stopped.body.state).toBe('cancelled');
  const refused = await ines.post('/v1/verifications', { purpose: 'passkey.create' });
  expect(refused).toMatchObject({ status: 403, body: { code: 'account_frozen' } });

  await anywhere.open('/help');
  await anywhere.open(link);
  await expect(anywhere.page.getByText('It works once.')).toBeVisible();
});
