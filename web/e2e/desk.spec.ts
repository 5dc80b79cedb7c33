import type { Request } from '@playwright/test';
import { expect, firstAdmin, heldBack, ines as inesEmail, test } from './harness/test';
import { recordedFor, recordingBar, sharesThisTab } from './harness/video';

// The browser's own choice of screen cannot be answered in a test: the tab itself is taken.
test.use({
  launchOptions: async ({ launchOptions }, use) =>
    use({ ...launchOptions, args: [...(launchOptions.args ?? []), '--auto-accept-this-tab-capture'] }),
});

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
  // What is bound to be refused is not asked for: it would stand in the console.
  expect(asked.filter((path) => path.startsWith('/v1/desk/'))).toEqual(['/v1/desk/session']);
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

test('the timeline tells how each withdrawal ended', async ({ admin, ines }) => {
  await ines.signInWithPasskey();
  await ines.requestWithdrawal({ amount: '44' });
  await ines.button('Cancel withdrawal').click();
  await expect(ines.heading('This withdrawal was cancelled')).toBeVisible();
  await ines.requestWithdrawal({ amount: '20' });
  await ines.confirmWithPasskey();
  await ines.post('/v1/account/freeze');

  await admin.openAccount(inesEmail);
  const events = admin.page.getByRole('listitem');
  await expect(
    events.filter({ hasText: 'Withdrawal cancelled' }).filter({ hasText: '44 USDT, by the customer' }),
  ).toBeVisible();
  await expect(
    events.filter({ hasText: 'Withdrawal approved' }).filter({ hasText: '20 USDT, by passkey' }),
  ).toBeVisible();
  await expect(
    events.filter({ hasText: 'Withdrawal cancelled' }).filter({ hasText: '20 USDT, by the freeze' }),
  ).toBeVisible();
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
  await admin.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await admin.button('Copy account id').click();
  await expect(admin.page.getByText('Copied')).toBeVisible();
  expect(await admin.page.evaluate(() => navigator.clipboard.readText())).toBe(admin.page.url().split('/').at(-1));

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
  await expect(admin.dialog()).toBeHidden();
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
  await expect(admin.page.getByText('Copied')).toBeVisible();
  const copied = await admin.page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain('addresses/relying_party: localhost');
  await admin.button('Send a test mail').click();
  await expect(admin.page.getByText('A test mail is on its way to you')).toBeVisible();
});

test('the numbers are there as plots and as a table, and say where nothing was counted', async ({ admin, ines }) => {
  await admin.open('/operator/numbers');
  await expect(admin.page.getByText('No data yet')).toBeVisible(); // nobody has signed in by passkey
  await expect(admin.page.getByText('Nobody stopped at the device')).toBeVisible();
  // Ines came in by codes once, to create her passkey.
  await admin.button('As a table').click();
  const medians = admin.page.getByRole('region', { name: 'Median time to sign in' });
  const today = medians.getByRole('row').last().getByRole('cell');
  await expect(today).toHaveText(['–', /^\d+\.\d$/]);
  await admin.button('As plots').click();
  await ines.signInWithPasskey();
  await ines.requestWithdrawal();
  await ines.confirmWithPasskey();
  await admin.page.getByRole('radio', { name: '7 days' }).check();
  await expect(admin.page.getByRole('img', { name: /, 1 of them by passkey/ })).toBeVisible();
  await admin.button('As a table').click();
  const daily = admin.page.getByRole('region', { name: 'Withdrawals approved a day' });
  await expect(daily.getByRole('row')).toHaveCount(8);
  await expect(daily.getByRole('row').last().getByRole('cell').first()).toHaveText('1');
  await expect(today).toHaveText([/^\d+\.\d$/, /^\d+\.\d$/]);
  await admin.button('As plots').click();
  await expect(daily.getByRole('row')).toHaveCount(0);

  // Numbers of other days do not stand under the name of those that could not be had.
  admin.gate.expect(/ERR_FAILED/);
  await admin.page.route('**/v1/desk/numbers?days=90', (route) => route.abort());
  await admin.page.getByRole('radio', { name: '90 days' }).check();
  await expect(admin.button('Try again')).toBeVisible();
  await expect(daily).toHaveCount(0);
});

test('the queue stays as long as it was made when it is asked for again', async ({ admin }) => {
  const rows = (from: number, n: number) =>
    Array.from({ length: n }, (_, i) => ({
      id: `tkt_${from + i}`,
      number: `CS-${from + i}`,
      topic: 'other',
      state: 'new',
      account: null,
      has_recording: false,
      hold_until: null,
      frozen: false,
      assigned_to: null,
      waiting_since: null,
      locale: 'en',
    }));
  let asked = 0;
  await admin.page.route('**/v1/desk/tickets?*', (route) => {
    asked++;
    const second = new URL(route.request().url()).searchParams.has('cursor');
    const counts = { mine: 60, unassigned: 0, waiting: 0, open: 60 };
    // One has come in meanwhile: the second page begins with what the first one ended with.
    const items = second ? rows(49, 11) : rows(0, 50);
    return route.fulfill({ json: { items, next: second ? null : 'tkt_49', counts } });
  });
  await admin.page.clock.install();
  await admin.open('/operator');
  const list = admin.page.getByRole('link', { name: /CS-\d+/ });
  await expect(list).toHaveCount(50);
  await admin.button('Show more').click();
  await expect(list).toHaveCount(60);
  const before = asked;
  await admin.page.clock.runFor(61_000);
  await expect.poll(() => asked).toBe(before + 2);
  await expect(list).toHaveCount(60);
});

test('on a phone the request that is opened has the focus, and after it the queue', async ({ admin, ines }) => {
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.field('What did you see?').fill('Nothing works.');
  await ines.button('Send').click();
  await expect(ines.page).toHaveURL(/\/support\/tkt_/);
  await admin.page.setViewportSize({ width: 390, height: 844 });
  await admin.open('/operator');
  await admin.page.getByRole('link', { name: /^Something else/ }).click();
  await expect(admin.heading('Something else')).toBeFocused();
  await admin.page.getByRole('main').getByRole('link', { name: 'Requests' }).click();
  await expect(admin.heading('Requests')).toBeFocused();
});

test('a failure that was recorded is played and sought beside what happened, answered, and resolved', async ({
  admin,
  ines,
}) => {
  const markup = '<img src=x onerror="document.title=1"> It closed <b>by itself</b>.';
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.page.getByLabel('About', { exact: true }).selectOption('Confirming a withdrawal failed');
  await ines.field('What did you see?').fill(markup);
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  const bar = recordingBar(ines.page);
  await recordedFor(ines.page, 1);
  await ines.page.getByRole('link', { name: 'Withdraw', exact: true }).first().click();
  await ines.fillInWithdrawal();
  await ines.device.recognises(false);
  // That it was asked is reported by itself, before.
  const isFailed = (request: Request) =>
    request.url().endsWith('/v1/attempts') && request.postData()?.includes('"failed"') === true;
  const reported = ines.page.waitForResponse((answer) => isFailed(answer.request()) && answer.ok());
  await ines.button('Confirm with passkey').click();
  await reported;
  await recordedFor(ines.page, 4);
  await ines.page.keyboard.press('Escape');
  await bar.getByRole('button', { name: 'Stop' }).click();
  await ines.page.getByRole('button', { name: 'Use this recording' }).click();
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeVisible();
  // As many steps as are said to go along do.
  const steps = ines.page.getByText(/^The \d+ steps that led here$/);
  const said = await steps.first().innerText();
  await ines.button('Send').click();
  await expect(ines.page).toHaveURL(/\/support\/tkt_/);
  await expect(steps.first()).toHaveText(said);

  // Who has nothing of their own sees what nobody has.
  await admin.open('/operator');
  await admin.page.getByRole('link', { name: /^Confirming with a passkey failed .*Recording$/ }).click();
  await expect(admin.page.getByText(markup)).toBeVisible();
  await expect(admin.page.locator('main img, main b b')).toHaveCount(0);
  await expect(admin.heading('What happened')).toBeVisible();
  await expect(admin.page.getByText('Likely cause')).toBeVisible();

  const video = admin.page.locator('video');
  const at = () => video.evaluate((each: HTMLVideoElement) => each.currentTime);
  await expect.poll(() => video.evaluate((each: HTMLVideoElement) => each.duration)).toBeLessThan(60);
  await expect.poll(at).toBe(0);
  // Slowly, so that it has not come to its end when a late look finds it playing.
  await video.evaluate((each: HTMLVideoElement) => (each.playbackRate = 0.25));
  await admin.button('Play').click();
  await expect.poll(at).toBeGreaterThan(0.3);
  await admin.button('Pause').click();
  const place = admin.page.getByRole('listitem').filter({ hasText: 'Device closed the request' }).getByRole('button');
  const [minutes = 0, seconds = 0] = (await place.innerText()).split(':').map(Number);
  await place.click();
  await expect.poll(at).toBeGreaterThanOrEqual(minutes * 60 + seconds);
  // It plays on from there, and may have come to its end by now.
  await video.evaluate((each: HTMLVideoElement) => each.pause());
  const slider = admin.page.getByRole('slider', { name: 'Place in the recording' });
  await slider.press('Home');
  await expect.poll(at).toBe(0);
  await slider.press('ArrowRight');
  await expect.poll(at).toBe(0.1);

  await admin.button('Screen lock steps').click();
  await admin.field('Reply').press('Control+End');
  await admin.field('Reply').pressSequentially(' <i>Tomas</i>');
  await admin.button('Send reply').click();
  await expect(admin.page.getByText('Reply sent')).toBeVisible();
  await expect(admin.page.getByText('<i>Tomas</i>')).toBeVisible();
  await expect(admin.page.getByText(`assigned to ${firstAdmin}`)).toBeVisible();
  await ines.page.reload();
  await expect(ines.page.getByText('<i>Tomas</i>')).toBeVisible();
  await ines.demo.inbox.next('email', (mail) => mail.text.includes('Your device told us that it has no screen lock'));

  await admin.button('Assign').click();
  await admin.dialog().getByRole('button', { name: 'Nobody' }).click();
  await expect(admin.page.getByText('Nobody has it now')).toBeVisible();
  await admin.button('Resolve').click();
  await expect(admin.page.getByText(/^Everything here is deleted on /)).toBeVisible();
  // What changed about the request leaves the recording where it was.
  await expect(slider).toHaveValue('0.1');
  await admin.button('Reopen').click();
  await expect(admin.button('Resolve')).toBeVisible();

  await admin.open('/operator/log');
  for (const act of ['Played a recording', 'Read a request', 'Answered a request', 'Assigned a request'])
    await expect(admin.page.getByText(act).first()).toBeVisible();
});

test('a recording that the desk asks for is made in the answer, and played at the desk', async ({ admin, ines }) => {
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.page.getByLabel('About', { exact: true }).selectOption('Something else');
  await ines.field('What did you see?').fill('A grey sheet.');
  await ines.button('Send').click();
  await expect(ines.page).toHaveURL(/\/support\/tkt_/);

  await admin.open('/operator');
  await admin.page.getByRole('link', { name: /^Something else/ }).click();
  await admin.button('Ask for a recording').click();
  await admin.button('Send reply').click();
  await expect(admin.page.getByText('Reply sent')).toBeVisible();
  await expect(admin.page.locator('video')).toHaveCount(0);

  await ines.page.reload();
  await expect(ines.page.getByText(/choose Record screen, try once more, and send it with your answer/)).toBeVisible();
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  const bar = recordingBar(ines.page);
  await expect(ines.button('Send when recorded')).toBeDisabled();
  await ines.page.getByRole('link', { name: 'Activity' }).click();
  await expect(ines.heading('Activity')).toBeVisible();
  await recordedFor(ines.page, 2);
  await bar.getByRole('button', { name: 'Stop' }).click();
  await expect(ines.page).toHaveURL(/\/support\/tkt_/);
  await ines.button('Use this recording').click();
  await ines.field('Add something').fill('There it is.');
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeVisible();
  await ines.page.reload();
  await expect(ines.field('Add something')).toHaveValue('There it is.');
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeVisible();
  await ines.button('Send').click();
  await expect(ines.page.getByRole('main').getByText(/, deleted on /)).toBeVisible();
  // What was sent is not there to be sent again.
  await expect(ines.field('Add something')).toHaveValue('');
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeHidden();

  const { body: read } = await admin.call<{ summary: { id: string } }>(
    'GET',
    `/v1/desk/tickets/${ines.page.url().split('/').at(-1) ?? ''}`,
  );
  await admin.call('POST', `/v1/desk/accounts/${read.summary.id}/hold`, { hours: 1, reason: 'Asked by phone' });
  await admin.open('/operator');
  const arrive = await heldBack(admin.page, '**/v1/desk/recordings/*/content');
  // One badge does not hide the other.
  await admin.page.getByRole('link', { name: /^Something else .*On hold\s*Recording$/ }).click();
  await expect(admin.page.getByText('There it is.')).toBeVisible();
  const video = admin.page.locator('video');
  // Nothing of it is there yet: what is asked for is done when it is.
  const slider = admin.page.getByRole('slider', { name: 'Place in the recording' });
  for (let i = 0; i < 5; i++) await slider.press('ArrowRight');
  await admin.button('Play').click();
  await expect(admin.button('Pause')).toBeVisible();
  arrive();
  // Where it is says nothing yet: it stands at its end while that is looked for.
  const playedFrom = () =>
    video.evaluate(({ played }: HTMLVideoElement) =>
      Array.from({ length: played.length }, (_, i) => i)
        .filter((i) => played.end(i) - played.start(i) > 0.3)
        .map((i) => played.start(i)),
    );
  await expect.poll(playedFrom).toContainEqual(expect.closeTo(0.5));
});

test('an operator whose session ended goes on with the reply that was begun', async ({ admin, ines }) => {
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.page.getByLabel('About', { exact: true }).selectOption('Something else');
  await ines.field('What did you see?').fill('Nothing works.');
  await ines.button('Send').click();
  await expect(ines.page).toHaveURL(/\/support\/tkt_/);
  await admin.open('/operator');
  await admin.page.getByRole('link', { name: /^Something else/ }).click();
  await admin.field('Reply').fill('What exactly');
  // A template joins what was written, and takes the place of none but a template.
  await admin.button('Screen lock steps').click();
  await expect(admin.field('Reply')).toHaveValue(/^What exactly\n\n.+screen lock/s);
  await admin.field('Reply').fill('');
  await admin.button('Screen lock steps').click();
  await expect(admin.field('Reply')).toHaveValue(/^(?!What).*screen lock/s);
  await admin.field('Reply').fill('What exactly');
  await admin.call('DELETE', '/v1/desk/session');
  await admin.button('Send reply').click();
  await expect(admin.dialog()).toContainText('Your session ended');
  await admin.dialog().getByRole('button', { name: 'Sign in with your passkey' }).click();
  await expect(admin.dialog()).toHaveCount(0);
  await expect(admin.field('Reply')).toHaveValue('What exactly');
  await admin.button('Send reply').click();
  await expect(admin.page.getByText('Reply sent')).toBeVisible();
});
