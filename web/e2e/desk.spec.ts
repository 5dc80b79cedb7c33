import { expect, firstAdmin, ines as inesEmail, test } from './harness/test';

test('an invitation is accepted with a passkey, which is the only way in from then on', async ({ colleague, demo }) => {
  const operator = await colleague();
  await operator.accept(demo.invitation, firstAdmin);
  await operator.signOut();
  await operator.signIn();

  const another = await colleague();
  await another.open(demo.invitation);
  await expect(another.heading('This invitation no longer works')).toBeVisible();
});

test('a customer’s session is none at the desk', async ({ ines }) => {
  await ines.signInWithPasskey();
  const { status } = await ines.get('/v1/desk/me');
  expect(status).toBe(401);
  ines.gate.requests.length = 0;
  await ines.open('/operator');
  await expect(ines.heading('Operators’ desk')).toBeVisible();
  await expect(ines.page).toHaveURL('/operator/sign-in');
  const asked = ines.gate.requests.map(({ url }) => new URL(url).pathname).filter((path) => path.startsWith('/v1/'));
  expect(asked.filter((path) => !path.startsWith('/v1/desk/') && path !== '/v1/config')).toEqual([]);
  await ines.open('/');
  await ines.atHome();
});

test('an account is found by its exact e-mail alone, and its sessions are ended', async ({ admin, ines }) => {
  await ines.signInWithPasskey();
  await admin.open('/operator/accounts');
  await admin.field('E-mail').fill('ines@');
  await admin.button('Find').click();
  await expect(admin.page.getByRole('alert')).toContainText('Give it whole');
  await admin.openAccount(inesEmail);
  await expect(admin.page.getByText(inesEmail)).toHaveCount(0);

  await admin.button(/^End all sessions/).click();
  await admin.dialog().getByRole('button', { name: 'End all sessions' }).click();
  await expect(admin.dialog().getByRole('alert')).toContainText('Say why.');
  await admin.dialog().getByLabel('Reason').fill('Asked by phone');
  await admin.dialog().getByRole('button', { name: 'End all sessions' }).click();
  await expect(admin.page.getByText('Nobody is signed in')).toBeVisible();
  await expect(admin.page.getByText('All sessions ended at the desk').first()).toBeVisible();

  await ines.open('/security');
  await expect(ines.heading('Sign in')).toBeVisible();
});

test('a hold is put on and lengthened, never shortened, and the customer sees it', async ({ admin, ines }) => {
  await admin.openAccount(inesEmail);
  const put = async (action: RegExp, hours: string) => {
    await admin.button(action).click();
    await admin.dialog().getByLabel('Hours from now').fill(hours);
    await admin.dialog().getByLabel('Reason').fill('Says that somebody has the phone');
    await admin
      .dialog()
      .getByRole('button', { name: /^(Put on hold|Lengthen the hold)$/ })
      .click();
  };
  await put(/^Put withdrawals on hold/, '48');
  await expect(admin.heading('Withdrawals paused')).toBeVisible();
  await put(/^Lengthen the hold/, '24');
  await expect(admin.dialog().getByRole('alert')).toContainText('paused for longer than that already');
  await admin.dialog().getByRole('button', { name: 'Cancel' }).click();
  await put(/^Lengthen the hold/, '72');
  await expect(admin.page.getByText(/^7[12] h.* left$/)).toBeVisible();

  await ines.signInWithPasskey();
  await ines.open('/withdraw');
  await expect(ines.heading(/^Withdrawals paused until/)).toBeVisible();
});

test('a colleague is invited, and may do no more than the role says', async ({ admin, colleague, demo }) => {
  await admin.open('/operator/team');
  await admin.button('Invite an operator').click();
  await admin.dialog().getByLabel('Name').fill('Sina Berg');
  await admin.dialog().getByLabel('E-mail').fill('sina@countersign.example');
  await admin.dialog().getByRole('button', { name: 'Make the link' }).click();
  const link = await admin
    .dialog()
    .getByText(/\/operator\/accept#/)
    .innerText();
  await admin.dialog().getByRole('button', { name: 'Done' }).click();

  const sina = await colleague();
  await sina.accept(link.replace(demo.origin, ''), 'Sina Berg');
  await expect(sina.link('Team')).toHaveCount(0);
  await sina.open('/operator/team');
  await expect(sina.heading('Not for your role')).toBeVisible();
  await sina.open('/operator/check');
  await expect(sina.heading('Not for your role')).toBeVisible();
  await sina.openAccount(inesEmail);
  await expect(sina.page.getByText('Your role looks only.')).toBeVisible();
  const id = sina.page.url().split('/').at(-1) ?? '';
  for (const [method, path, body] of [
    ['POST', `/v1/desk/accounts/${id}/end-sessions`, { reason: 'x' }],
    ['POST', `/v1/desk/accounts/${id}/hold`, { hours: 1, reason: 'x' }],
    ['GET', '/v1/desk/check', undefined],
    ['GET', '/v1/desk/log', undefined],
    ['POST', '/v1/desk/operators', { name: 'X', email: 'x@y.example', role: 'admin' }],
  ] as const) {
    const { status, body: problem } = await sina.call(method, path, body);
    expect([status, problem.code], path).toEqual([403, 'not_permitted']);
  }

  await admin.open('/operator/team');
  await admin.button('Change role: Sina Berg').click();
  await admin.dialog().getByRole('radio', { name: 'Security' }).check();
  await admin.dialog().getByRole('button', { name: 'Save' }).click();
  await sina.open('/operator/check');
  await expect(sina.heading('Installation check')).toBeVisible();

  await admin.button('End: Sina Berg').click();
  await admin.dialog().getByRole('button', { name: 'End access' }).click();
  await expect(admin.page.getByText(/^Ended /)).toBeVisible();
  await sina.page.reload();
  await expect(sina.heading('Operators’ desk')).toBeVisible();
  await admin.open('/operator/log');
  await expect(admin.page.getByText('Tried what the role does not allow').first()).toBeVisible();
  await expect(admin.page.getByText('Ended an operator’s access').first()).toBeVisible();
});

test('the installation check opens what does not hold, runs again, and is copied', async ({ admin }) => {
  await admin.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await admin.open('/operator/check');
  await expect(admin.heading('Addresses')).toBeVisible();
  await expect(admin.page.getByText('Policy in force')).toBeVisible();
  const again = admin.page.waitForResponse((answer) => answer.url().endsWith('/v1/desk/check'));
  await admin.button('Check again').click();
  expect((await again).status()).toBe(200);
  await admin.button('Copy report').click();
  const copied = await admin.page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain('addresses/relying_party: localhost');
  await admin.button('Send a test mail').click();
  await expect(admin.page.getByText('A test mail is on its way to you')).toBeVisible();
});

test('the numbers are there as plots and as a table, and say where nothing was counted', async ({ admin, ines }) => {
  await admin.open('/operator/numbers');
  await expect(admin.page.getByText('Nobody signed in in these days')).toBeVisible();
  await expect(admin.page.getByText('Nobody stopped at the device')).toBeVisible();
  await ines.signInWithPasskey();
  await ines.requestWithdrawal();
  await ines.confirmWithPasskey();
  await admin.page.getByRole('radio', { name: '7 days' }).check();
  await expect(admin.page.getByRole('img', { name: /, 1 of them by passkey/ })).toBeVisible();
  await admin.button('As a table').click();
  const daily = admin.page.getByRole('region', { name: 'Withdrawals approved a day' });
  await expect(daily.getByRole('row')).toHaveCount(8);
  await expect(daily.getByRole('row').last().getByRole('cell').first()).toHaveText('1');
  await admin.button('As plots').click();
  await expect(daily).toHaveCount(0);
});
