import { ledgerAtHome } from './harness/customer';
import { expect, test } from './harness/test';

interface Verification {
  id: string;
  ways: string[];
  passkey_blocked: { code: string; missing?: string[] } | null;
}

interface Account {
  passkey_withdrawals: { available: boolean };
  hold: { until: string; reason: string } | null;
}

test.describe('F6: withdrawals by passkey need e-mail, phone and authenticator', () => {
  test.use({ world: 'new' });

  test('with two a passkey only signs in; the app says what is missing; with the third it approves', async ({
    tom,
  }) => {
    // Codes of an authenticator app are asked four times here.
    test.setTimeout(180_000);
    await tom.signInWithCodes();
    await tom.openCreatePasskeyByTaps();
    await tom.createPasskey();
    await expect(tom.page.getByText('Withdrawals once your phone is added')).toBeVisible();
    await tom.button('Done').click();
    await tom.open('/');
    await tom.signOut();
    await tom.signInWithPasskey();

    const id = await tom.requestWithdrawal({ amount: '25' });
    await expect(tom.heading('Add your phone to withdraw with a passkey')).toBeVisible();
    await expect(tom.page.getByRole('main')).toContainText('Your passkey still signs you in. Nothing was sent.');
    await expect(tom.button('Withdraw with codes')).toBeVisible();

    const begun = await tom.post<Verification>('/v1/verifications', { purpose: 'withdrawal.approve', object: id });
    expect(begun.body.ways).toEqual(['codes']);
    expect(begun.body.passkey_blocked).toMatchObject({ code: 'factors_incomplete', missing: ['phone'] });
    const challenge = await tom.post(`/v1/verifications/${begun.body.id}/challenge`);
    expect(challenge).toMatchObject({ status: 403, body: { code: 'factors_incomplete' } });
    expect(JSON.stringify(challenge.body)).not.toContain('public_key');

    await tom.link('Add phone').click();
    await tom.field('Number').fill('+44 7700 900123');
    await tom.button('Go on').click();
    await tom.typeCodes();
    await tom.demo.inbox.clear();
    await tom.button('Verify').click();
    await expect(tom.heading('Confirm your phone')).toBeVisible();
    await tom.field('SMS code').fill(await tom.demo.inbox.code('sms'));
    await tom.button('Confirm phone').click();
    await expect(tom.heading('Which passkeys may approve withdrawals?')).toBeVisible();
    await tom.button('Finish').click();
    await expect(tom.heading('Phone added')).toBeVisible();

    expect((await tom.get<Account>('/v1/account')).body.passkey_withdrawals.available).toBe(true);
    await tom.requestWithdrawal({ amount: '25' });
    await tom.confirmWithPasskey();
  });
});

test('replacing the authenticator app pauses withdrawals, says so before, and shows until when', async ({ ines }) => {
  await ines.signInWithPasskey();
  await ines.open('/security/authenticator');
  await ines.button('Replace app').click();
  await expect(ines.heading('Before you replace your authenticator app')).toBeVisible();
  await expect(ines.page.getByRole('main')).toContainText('Withdrawals pause for 24 hours');
  await ines.button('Go on and verify').click();
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Set up your authenticator app')).toBeVisible();
  ines.demo.inbox.forgetSteps(ines.email);
  await ines.field('Code from the app').fill(await ines.demo.inbox.authenticatorCode(ines.email));
  await ines.button('Confirm app').click();
  await expect(ines.heading('Authenticator app replaced')).toBeVisible();
  await expect(ines.page.getByRole('main')).toContainText('Withdrawals are paused until');

  await ines.button('Done').or(ines.link('Done')).click();
  await ines.open('/withdraw');
  await expect(ines.heading(/^Withdrawals paused until/)).toBeVisible();
  await expect(ines.page.getByRole('main')).toContainText('Because a factor was replaced.');
  const asked = await ines.post<{ id: string }>('/v1/withdrawals', {
    asset: 'USDT',
    network: 'tron',
    address: ledgerAtHome,
    amount: '20',
  });
  const refused = await ines.post('/v1/verifications', { purpose: 'withdrawal.approve', object: asked.body.id });
  expect(refused).toMatchObject({ status: 403, body: { code: 'withdrawals_on_hold' } });
});
