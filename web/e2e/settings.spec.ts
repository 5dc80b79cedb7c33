import { ledgerAtHome } from './harness/customer';
import { expect, test } from './harness/test';

interface Account {
  factors: Record<string, { bound: boolean; hint: string }>;
  passkey_withdrawals: { available: boolean };
  phrase_set: boolean;
  sessions: number;
}

/** Valid on its network, and like none that is saved. */
const stranger = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';

test('removing a factor says before what stops, pauses withdrawals, and ends those by passkey', async ({ ines }) => {
  await ines.signInWithPasskey();
  await ines.open('/security/phone');
  await ines.button('Remove phone').click();
  await expect(ines.heading('Before you remove your phone')).toBeVisible();
  const main = ines.page.getByRole('main');
  await expect(main).toContainText('Withdrawals pause for 24 hours');
  await expect(main).toContainText('Approving withdrawals by passkey, until you add it again');

  // Whoever reads that may turn back.
  await ines.button(/^Keep (it|the number I have)$/).click();
  expect((await ines.get<Account>('/v1/account')).body.factors['phone']?.bound).toBe(true);

  await ines.button('Remove phone').click();
  await ines.button('Go on and verify').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Phone removed')).toBeVisible();
  await expect(main).toContainText('Withdrawals are paused until');
  const account = (await ines.get<Account>('/v1/account')).body;
  expect(account).toMatchObject({ factors: { phone: { bound: false } }, passkey_withdrawals: { available: false } });
});

test('the phrase is set, shown by no page afterwards, stands in the mails, and can be removed', async ({ ines }) => {
  const { page, demo } = ines;
  const phrase = 'violet otter 7';
  await ines.signInWithPasskey();
  await ines.open('/security/phrase');
  await ines.field('New phrase').fill(phrase);
  await ines.button('Change phrase').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Security')).toBeVisible();

  for (const path of ['/security', '/security/phrase', '/']) {
    await ines.open(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await page.content(), path).not.toContain(phrase);
  }
  expect(JSON.stringify((await ines.get('/v1/account')).body)).not.toContain(phrase);

  // The mail about the removal is the last one that carries it.
  await demo.inbox.clear();
  await ines.open('/security/phrase');
  await ines.button('Remove phrase').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Security')).toBeVisible();
  expect((await ines.get<Account>('/v1/account')).body.phrase_set).toBe(false);
  await ines.open('/security/phrase');
  await expect(ines.button('Set phrase')).toBeVisible();
  const mail = await demo.inbox.next('email', (each) => each.subject.includes('phrase'));
  expect(mail.text).toContain(phrase);
});

test('another device is signed out, and is out', async ({ ines, another }) => {
  const elsewhere = await another(ines.email);
  await elsewhere.signInWithCodes();
  await ines.signInWithPasskey();
  const before = (await ines.get<Account>('/v1/account')).body.sessions;
  await ines.open('/security/devices');
  // The one that was seen last stands first.
  await ines
    .button(/^Sign out: /)
    .first()
    .click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Devices')).toBeVisible();
  expect((await ines.get<Account>('/v1/account')).body.sessions).toBe(before - 1);
  expect((await elsewhere.get('/v1/account')).status).toBe(401);
  await elsewhere.open('/security');
  await expect(elsewhere.heading('Sign in')).toBeVisible();
});

test('an address is saved by proof, and chosen by its name', async ({ ines }) => {
  await ines.signInWithPasskey();
  await ines.open('/addresses?add=1');
  await ines.field('Name').fill('Broker');
  await ines.page.getByRole('group', { name: 'Network' }).getByText('TRON').click();
  await ines.field('Address').fill(stranger);
  await ines.button('Continue').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.page.getByRole('heading', { name: 'Broker' })).toBeVisible();

  const { items } = (await ines.get<{ items: { label: string; address: string }[] }>('/v1/addresses')).body;
  expect(items.map((entry) => entry.address)).toEqual(expect.arrayContaining([stranger, ledgerAtHome]));
  const id = await ines.requestWithdrawal({ to: stranger, amount: '20' });
  const asked = await ines.get<{ address_known: string; label: string }>(`/v1/withdrawals/${id}`);
  expect(asked.body).toMatchObject({ address_known: 'saved', label: 'Broker' });
});

test('the e-mail is replaced by proof and its own code; both addresses are told', async ({ ines }) => {
  const { demo } = ines;
  const fresh = 'ines@moved.example';
  await ines.signInWithPasskey();
  await ines.open('/security/email');
  await ines.button('Replace e-mail').click();
  await ines.field('New e-mail address').fill(fresh);
  await ines.button('Go on').click();
  await expect(ines.heading('Before you replace your e-mail')).toBeVisible();
  await demo.inbox.clear();
  await ines.button('Go on and verify').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Confirm your new e-mail')).toBeVisible();
  const mail = await demo.inbox.next('email', (each) => each.code !== null);
  expect(mail.to).toBe(fresh);
  await ines.field('E-mail code').fill(mail.code ?? '');
  await ines.button('Confirm e-mail').click();
  await expect(ines.heading('E-mail replaced')).toBeVisible();

  const told = [ines.email, fresh].map((to) => demo.inbox.next('email', (each) => each.to === to && !each.code));
  for (const each of await Promise.all(told)) expect(each.subject).toBe('Your e-mail address was replaced');
  const old = await ines.get<Account>('/v1/account');
  expect(old.body.factors['email']?.hint).toContain('@moved.example');
});
