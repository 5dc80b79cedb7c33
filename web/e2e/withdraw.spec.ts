import type { Route } from '@playwright/test';
import { challengeOf, signedChallenge } from './harness/bytes';
import { ledgerAtHome, lookalike, type Customer } from './harness/customer';
import { expect, heldBack, test } from './harness/test';
import { verifiedElsewhere } from './harness/verify';

interface Withdrawal {
  id: string;
  state: string;
  address: string;
}

async function stateOf(customer: Customer, id: string): Promise<string> {
  return (await customer.get<Withdrawal>(`/v1/withdrawals/${id}`)).body.state;
}

async function available(customer: Customer, asset: string): Promise<string | undefined> {
  const answer = await customer.get<{ items: { asset: string; available: string }[] }>('/v1/balances');
  return answer.body.items.find((each) => each.asset === asset)?.available;
}

test('F2: one scan approves a withdrawal, and it signed exactly that withdrawal', async ({ demo, ines }) => {
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ amount: '250' });
  const before = ines.gate.calls.length;
  await ines.confirmWithPasskey();

  const calls = ines.gate.calls.slice(before);
  expect(
    calls.map((each) => each.method),
    'one assertion',
  ).toEqual(['get']);
  expect(calls[0]?.options.userVerification).toBe('required');
  const codes = ines.gate.requests.filter((each) => /\/(send|codes)$/.test(each.url));
  expect(codes, 'no code is sent or asked').toEqual([]);

  const download = ines.page.waitForEvent('download');
  await ines.button('Save proof').click();
  const chunks: Buffer[] = [];
  for await (const chunk of await (await download).createReadStream()) chunks.push(chunk as Buffer);
  const saved = Buffer.concat(chunks);
  const proof = JSON.parse(saved.toString()) as Parameters<typeof challengeOf>[0];
  expect(JSON.parse(proof.details)).toMatchObject({
    withdrawal: id,
    asset: 'USDT',
    network: 'tron',
    address: ledgerAtHome,
    amount: '250',
  });
  expect(signedChallenge(proof)).toBe(challengeOf(proof));
  expect(calls[0]?.options.challenge).toBe(challengeOf(proof));
  const otherDetails = proof.details.replace('"amount":"250"', '"amount":"251"');
  expect(challengeOf({ ...proof, details: otherDetails })).not.toBe(signedChallenge(proof));

  const asked = ['-rp', 'localhost', '-origin', demo.origin, '-way', 'passkey', '-max-age', '1h'];
  const verdict = await verifiedElsewhere(saved, asked);
  expect(verdict, verdict.output).toMatchObject({ code: 0 });
  expect(verdict.output).toContain(`passed: ${id} approved`);
  expect(verdict.output).toContain((await ines.get<{ fingerprint: string }>(`/v1/withdrawals/${id}`)).body.fingerprint);
  const forged = Buffer.from(saved.toString().replace('\\"amount\\":\\"250\\"', '\\"amount\\":\\"251\\"'));
  expect(forged.equals(saved)).toBe(false);
  expect(await verifiedElsewhere(forged, asked)).toMatchObject({ code: 1 });
});

test('what the app says of a saved proof covers nothing of the receipt', async ({ ines }) => {
  await ines.page.setViewportSize({ width: 360, height: 844 });
  await ines.signInWithPasskey();
  await ines.requestWithdrawal({ amount: '20' });
  await ines.confirmWithPasskey();
  await ines.button('Save proof').click();
  const said = await ines.page.getByText('Proof saved').boundingBox();
  const receipt = await ines.page.getByRole('article').boundingBox();
  const done = await ines.link('Done').boundingBox();
  if (!said || !receipt || !done) throw new Error('something is not shown');
  expect(said.y + said.height).toBeLessThanOrEqual(receipt.y);
  expect(receipt.y + receipt.height, 'all of it stands above the buttons').toBeLessThanOrEqual(done.y);
});

test('what was approved and then cancelled by a freeze says when it was both', async ({ ines }) => {
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ amount: '20' });
  await ines.confirmWithPasskey();
  await ines.post('/v1/account/freeze');
  await ines.signInWithPasskey();
  await ines.open(`/withdraw/${id}`);
  await expect(ines.heading('This withdrawal was cancelled')).toBeVisible();
  await expect(ines.page.getByText(/^You approved it .+ The account was frozen .+ Nothing was sent\./)).toBeVisible();
  await expect(ines.link('Start unfreezing')).toBeVisible();
});

test('F7: codes go on approving withdrawals after a passkey exists', async ({ ines }) => {
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ amount: '20' });
  await expect(ines.button('Confirm with passkey')).toBeVisible();
  await ines.confirmWithCodes();
  expect(await stateOf(ines, id)).toBe('approved');
});

test('a tap that was cancelled, or whose page was left, opens no window of the device afterwards', async ({ ines }) => {
  await ines.signInWithPasskey();
  const before = ines.gate.calls.length;
  const challenges = '**/v1/verifications/*/challenge';
  for (const leave of [
    async () => {
      await ines.button('Cancel').click();
      await expect(ines.button('Use codes instead')).toBeVisible();
    },
    async () => {
      await ines.page.goBack();
      await expect(ines.heading('Withdraw')).toBeVisible();
    },
  ]) {
    const release = await heldBack(ines.page, challenges);
    const id = await ines.requestWithdrawal({ amount: '20' });
    await ines.button('Confirm with passkey').click();
    await expect(ines.page.getByRole('button', { name: 'Cancel', exact: true })).toBeVisible();
    await leave();
    const answered = ines.page.waitForResponse(challenges);
    release();
    await (await answered).finished();
    await ines.page.unroute(challenges);
    expect(await stateOf(ines, id)).toBe('requested');
  }
  expect(ines.gate.calls).toHaveLength(before);

  await ines.requestWithdrawal({ amount: '20' });
  await ines.confirmWithPasskey();
  expect(ines.gate.calls).toHaveLength(before + 1);
});

test('what changed after the tap is reviewed before the device is asked', async ({ ines }) => {
  await ines.signInWithPasskey();
  const before = ines.gate.calls.length;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  // No withdrawal of the service ever changes: this one's answer does.
  await ines.page.route('**/v1/verifications', async (route) => {
    const answer = await route.fetch();
    const begun = (await answer.json()) as { withdrawal: object };
    await released;
    const withdrawal = { ...begun.withdrawal, amount: '2500', details_digest: 'ab'.repeat(32) };
    await route.fulfill({ response: answer, json: { ...begun, withdrawal } });
  });
  const id = await ines.requestWithdrawal({ amount: '250' });
  await ines.button('Confirm with passkey').click();
  release();
  await expect(ines.heading('Details changed')).toBeVisible();
  await expect(ines.page.getByText(/2,?500/).first()).toBeVisible();
  const renewed = ines.page.waitForResponse('**/v1/verifications');
  await ines.button('Review the new details').click();
  await renewed;
  await expect(ines.button('Confirm with passkey')).toBeVisible();
  expect(ines.gate.calls).toHaveLength(before);
  expect(await stateOf(ines, id)).toBe('requested');

  // Who does not want it then is done with it.
  await ines.page.reload();
  await expect(ines.heading('Details changed')).toBeVisible();
  await ines.button('Cancel withdrawal').click();
  await expect(ines.heading(/cancelled/)).toBeVisible();
});

test('a double click on Confirm gives one approval, and takes the amount once', async ({ ines }) => {
  await ines.signInWithPasskey();
  const before = await available(ines, 'USDT');
  const id = await ines.requestWithdrawal({ amount: '100' });
  await ines.button('Confirm with passkey').dblclick();
  await ines.seesApproval();
  expect(
    ines.gate.requests.filter((each) => each.url.endsWith('/passkey') && each.url.includes('/verifications/')),
  ).toHaveLength(1);
  expect(await stateOf(ines, id)).toBe('approved');
  expect(Number(before) - Number(await available(ines, 'USDT'))).toBe(100);
});

test('a sensor that says no sends nothing, and the request can be confirmed again', async ({ ines }) => {
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ amount: '30' });
  await ines.device.recognises(false);
  await ines.button('Confirm with passkey').click();
  const sheet = ines.page.getByRole('dialog');
  await expect(sheet).toContainText('Nothing was sent.');
  expect(await stateOf(ines, id)).toBe('requested');
  await ines.device.recognises(true);
  await sheet.getByRole('button', { name: 'Confirm again' }).click();
  await ines.seesApproval();
});

test('a look-alike of a saved address is shown group by group, and the saved one is the way on', async ({ ines }) => {
  await ines.signInWithPasskey();
  const id = await ines.requestWithdrawal({ to: lookalike, amount: '50' });
  await expect(ines.page.getByText('This is not your saved address')).toBeVisible();
  await expect(ines.button('Confirm with passkey')).toBeHidden();
  await expect(ines.button('Tick above to use the other')).toBeDisabled();

  await ines.button('Use “Ledger at home”').click();
  await expect(ines.page).not.toHaveURL(new RegExp(id));
  await ines.confirmWithPasskey();
  const approved = ines.page.url().split('/').at(-1) ?? '';
  const answer = await ines.get<Withdrawal>(`/v1/withdrawals/${approved}`);
  expect(answer.body).toMatchObject({ state: 'approved', address: ledgerAtHome });
});

test.describe('the service dies while a withdrawal is being confirmed', () => {
  const confirmation = /\/v1\/verifications\/[^/]+\/passkey$/;
  const unreachable = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_FAILED/;

  test('after it has approved: the app says that it checks, and finds the approval', async ({ ines, demo }) => {
    await ines.signInWithPasskey();
    const before = await available(ines, 'USDT');
    const id = await ines.requestWithdrawal({ amount: '40' });
    ines.gate.expect(unreachable);
    await ines.page.route(confirmation, async (route: Route) => {
      await route.fetch();
      await demo.crash();
      await route.abort('connectionreset');
    });
    await ines.button('Confirm with passkey').click();
    await expect(ines.heading('We’re checking')).toBeVisible();
    await expect(ines.page.getByRole('main')).toContainText('may have gone through');

    await demo.restart();
    await ines.seesApproval();
    expect(await stateOf(ines, id)).toBe('approved');
    expect(Number(before) - Number(await available(ines, 'USDT'))).toBe(40);
  });

  test('before it has heard: the app says that nothing was sent, and a second try approves once', async ({
    ines,
    demo,
  }) => {
    await ines.signInWithPasskey();
    const before = await available(ines, 'USDT');
    const id = await ines.requestWithdrawal({ amount: '40' });
    ines.gate.expect(unreachable);
    await ines.page.route(
      confirmation,
      async (route: Route) => {
        await demo.crash();
        await route.abort('connectionreset');
      },
      { times: 1 },
    );
    await ines.button('Confirm with passkey').click();
    await expect(ines.heading('We’re checking')).toBeVisible();
    await demo.restart();
    await expect(ines.page.getByText('Not confirmed yet')).toBeVisible({ timeout: 30_000 });
    expect(await stateOf(ines, id)).toBe('requested');
    await ines.confirmWithPasskey();
    expect(Number(before) - Number(await available(ines, 'USDT'))).toBe(40);
  });
});
