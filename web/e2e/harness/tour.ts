import { expect } from '@playwright/test';
import { lookalike, type Customer } from './customer';
import { noisyVideo } from './video';

/** Called at each screen; it may change the window's size and colours, but not where the page is. */
export type Stop = (name: string, where: Sight) => Promise<void>;

/** Whoever's page is looked at: a customer's or an operator's. */
export type Sight = Pick<Customer, 'page'>;

/** What can be seen without signing in. */
export async function signedOut(visitor: Customer, stop: Stop): Promise<void> {
  const { page, demo } = visitor;
  await visitor.open('/sign-in');
  await expect(visitor.heading('Sign in')).toBeVisible();
  await stop('sign-in', visitor);
  await visitor.button('Sign in with a passkey').click();
  await expect(visitor.button(/^Password and a code/)).toBeVisible();
  await stop('sign-in-no-passkey', visitor);

  await visitor.open('/sign-in');
  await visitor.typePassword(visitor.email, await demo.inbox.password(visitor.email));
  await stop('sign-in-code', visitor);
  await visitor.field('6-digit code').fill('000000');
  await visitor.button('Sign in').click();
  await expect(page.getByText('That didn’t match. Check the password and the code.')).toBeVisible();
  await stop('sign-in-code-wrong', visitor);

  await visitor.open('/register');
  await visitor.field('E-mail').fill('ada@lowell.example');
  await page.getByLabel('Password', { exact: true }).fill('copper heron 41 and more');
  await stop('register', visitor);
  await visitor.button('Continue').click();
  await expect(visitor.heading('Confirm your e-mail')).toBeVisible();
  await stop('register-code', visitor);

  await visitor.open('/forgot');
  await expect(visitor.heading('Forgot your password?')).toBeVisible();
  await stop('forgot', visitor);
  await visitor.field('E-mail').fill(visitor.email);
  await visitor.button('Send code').click();
  await expect(visitor.heading('Confirm it’s you')).toBeVisible();
  await stop('forgot-code', visitor);

  await visitor.open('/help');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await stop('help-signed-out', visitor);
  await visitor.open('/doctor');
  await expect(page.getByText('Copy report')).toBeVisible();
  await stop('doctor-signed-out', visitor);
  await visitor.open('/support/new');
  await visitor.field('What did you see?').fill('I cannot sign in.');
  await visitor.field('Your e-mail').fill('ada@lowell.example');
  await expect(page.getByText('Device report')).toBeVisible();
  await stop('request-new-signed-out', visitor);
  await visitor.button('Send').click();
  await expect(visitor.heading('We have your request')).toBeVisible();
  await stop('request-sent', visitor);
  await visitor.open('/support');
  await expect(visitor.heading('Your requests')).toBeVisible();
  await stop('requests-signed-out', visitor);
  await visitor.open('/not-me');
  await expect(visitor.heading('This link is incomplete')).toBeVisible();
  await stop('not-me-no-link', visitor);
  await visitor.open('/demo/inbox');
  await expect(page.getByRole('heading', { name: 'Mails and texts' }).first()).toBeVisible();
  await stop('demo-inbox', visitor);
}

/** The pages of somebody who has everything set up. */
export async function pages(ines: Customer, stop: Stop): Promise<void> {
  await ines.signInWithPasskey();
  await stop('home', ines);
  await ines.openMenu();
  await stop('profile', ines);

  const plain: [name: string, path: string, heading: string | RegExp][] = [
    ['security', '/security', 'Security'],
    ['passkeys', '/security/passkeys', 'Passkey'],
    ['email', '/security/email', 'E-mail'],
    ['phone', '/security/phone', 'Phone'],
    ['authenticator', '/security/authenticator', 'Authenticator app'],
    ['password', '/security/password', 'Change your password'],
    ['phrase', '/security/phrase', 'Anti-phishing phrase'],
    ['devices', '/security/devices', 'Devices'],
    ['freeze', '/security/freeze', 'Freeze your account?'],
    ['activity', '/activity', 'Activity'],
    ['help', '/help', /./],
    ['doctor', '/doctor', /./],
    ['withdraw', '/withdraw', 'Withdraw'],
    ['withdrawals', '/withdrawals', 'Your withdrawals'],
    ['addresses', '/addresses', 'Address book'],
    ['address-add', '/addresses?add=1', 'Add an address'],
    ['no-such-page', '/no/such/page', 'There is no such page'],
  ];
  for (const [name, path, heading] of plain) {
    await ines.open(path);
    await expect(ines.heading(heading)).toBeVisible();
    await settled(ines);
    await stop(name, ines);
  }

  await ines.open('/support');
  await expect(ines.page.getByText('No requests yet')).toBeVisible();
  await stop('requests-none', ines);
  await ines.open('/support/new');
  await expect(ines.page.getByText('Device report')).toBeVisible();
  await stop('request-new', ines);
  await ines.button('Send').click();
  await expect(ines.page.getByText('Say in a few words what happened.')).toBeVisible();
  await stop('request-new-empty', ines);
  await ines.button('Record screen').click();
  await expect(ines.button('Start recording')).toBeVisible();
  await stop('request-before-recording', ines);
  await ines.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await ines.field('What did you see?').fill('A grey sheet for a moment, then it closed by itself. I tried twice.');
  const video = { name: 'passkey-setup.webm', mimeType: 'video/webm', buffer: await noisyVideo(ines.page, 300_000) };
  await ines.page.locator('input[type=file]').setInputFiles(video);
  await expect(ines.button('Use this recording')).toBeVisible();
  await stop('request-preview', ines);
  await ines.button('Use this recording').click();
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeVisible();
  await stop('request-new-uploaded', ines);
  await ines.page.getByRole('button', { name: /^Device report/ }).click();
  await expect(ines.page.getByRole('dialog', { name: 'The report' })).toBeVisible();
  await stop('request-report', ines);
  await ines.open('/support/new');
  await expect(ines.page.getByText('Uploaded', { exact: true })).toBeVisible();
  await ines.button('Send').click();
  await expect(ines.button('Send')).toBeVisible();
  await expect(ines.field('Add something')).toBeVisible();
  await stop('request', ines);
  await ines.open('/support');
  await expect(ines.page.getByRole('main').getByRole('link', { name: /CS-/ })).toBeVisible();
  await stop('requests', ines);

  await ines.open('/security/passkeys');
  await ines.link(/^Manage passkey/).click();
  await expect(ines.button('Delete this passkey')).toBeVisible();
  await stop('passkey', ines);
  await ines.button('Delete this passkey').click();
  await expect(ines.button('Verify and delete')).toBeVisible();
  await stop('passkey-delete', ines);
  await ines.open('/security/phone');
  await ines.button('Replace phone').click();
  await expect(ines.field('Number')).toBeVisible();
  await stop('phone-new', ines);
  await ines.open('/security/email');
  await ines.button('Replace e-mail').click();
  await expect(ines.field('New e-mail address')).toBeVisible();
  await stop('email-new', ines);
}

/** A withdrawal and a new passkey, from their beginning to their end, and what can come between. */
export async function ceremonies(ines: Customer, stop: Stop): Promise<void> {
  await ines.signInWithPasskey();
  await ines.requestWithdrawal({ amount: '250' });
  await expect(ines.button('Confirm with passkey')).toBeVisible();
  await stop('review', ines);
  await ines.device.recognises(false);
  await ines.button('Confirm with passkey').click();
  await expect(ines.page.getByRole('dialog')).toBeVisible();
  await stop('not-confirmed', ines);
  await ines.device.recognises(true);
  await ines.page.getByRole('dialog').getByRole('button', { name: 'Confirm again' }).click();
  await ines.seesApproval();
  await stop('receipt', ines);

  await ines.requestWithdrawal({ to: lookalike, amount: '50' });
  await expect(ines.page.getByText('This is not your saved address')).toBeVisible();
  await stop('lookalike', ines);
  await ines.page.getByRole('checkbox').check();
  await ines.button('Continue with what I entered').click();
  await expect(ines.button('Confirm with passkey')).toBeVisible();
  await stop('review-new-address', ines);
  await ines.button('Use codes instead').click();
  await expect(ines.heading('Confirm with codes')).toBeVisible();
  await stop('withdraw-codes', ines);
  await ines.button('Close').click();
  await ines.button('Cancel withdrawal').click();
  await expect(ines.heading('This withdrawal was cancelled')).toBeVisible();
  await stop('cancelled', ines);

  await ines.device.clear();
  await ines.open('/security/passkeys/new');
  await expect(ines.heading('Verify it’s you')).toBeVisible();
  await stop('create-codes', ines);
  await ines.sendCodes();
  const { email, phone, app } = ines.codeFields;
  await email.fill(await ines.demo.inbox.code('email'));
  const right = await ines.demo.inbox.code('sms');
  await phone.fill(right === '000000' ? '000001' : '000000');
  await app.fill(await ines.demo.inbox.authenticatorCode(ines.email));
  await ines.button('Verify').click();
  await expect(ines.page.getByText(/^Doesn’t match\./)).toBeVisible();
  await stop('create-codes-wrong', ines);
  await phone.fill(right);
  await ines.button('Verify').click();
  await expect(ines.heading('You’re verified. Now create your passkey.')).toBeVisible();
  await stop('create-ready', ines);
  await ines.device.answers(false);
  await ines.button('Continue').click();
  await expect(ines.heading('Waiting for your device…')).toBeVisible();
  await stop('create-waiting', ines);
  await ines.button('Cancel').click();
  await ines.device.answers(true);
  await ines.device.recognises(false);
  await ines.button('Continue').click();
  await expect(ines.button('Try again')).toBeVisible();
  await stop('create-cancelled', ines);
  await ines.device.recognises(true);
  await ines.button('Try again').click();
  await expect(ines.heading('Passkey created')).toBeVisible();
  await stop('created', ines);
}

/** Somebody with two factors. */
export async function twoFactors(tom: Customer, stop: Stop): Promise<void> {
  await tom.signInWithCodes();
  await stop('two-home', tom);
  for (const [name, path, heading] of [
    ['two-security', '/security', 'Security'],
    ['two-passkeys', '/security/passkeys', 'Sign in with a passkey'],
    ['two-add-phone', '/security/phone', 'Add your phone'],
    ['two-withdraw', '/withdraw', 'Withdraw'],
    ['two-withdrawals-empty', '/withdrawals', 'Your withdrawals'],
    ['two-addresses-empty', '/addresses', 'Address book'],
  ] as const) {
    await tom.open(path);
    await expect(tom.heading(heading)).toBeVisible();
    await settled(tom);
    await stop(name, tom);
  }
  await tom.open('/security/passkeys/new');
  await tom.createPasskey();
  await stop('two-created', tom);
  await tom.requestWithdrawal({ amount: '25' });
  await expect(tom.heading('Add your phone to withdraw with a passkey')).toBeVisible();
  await stop('two-blocked', tom);
}

/** What follows a replaced factor, and a freeze. */
export async function afterwards(ines: Customer, anybody: Customer, stop: Stop): Promise<void> {
  await ines.signInWithPasskey();
  await ines.demo.inbox.clear();
  await ines.open('/security/authenticator');
  await ines.button('Replace app').click();
  await expect(ines.heading('Before you replace your authenticator app')).toBeVisible();
  await stop('before-replacing', ines);
  await ines.button('Go on and verify').click();
  await expect(ines.button('Confirm with a passkey')).toBeVisible();
  await stop('verify-passkey', ines);
  await ines.button('Confirm with a passkey').click();
  await expect(ines.heading('Set up your authenticator app')).toBeVisible();
  await stop('new-authenticator', ines);
  ines.demo.inbox.forgetSteps(ines.email);
  await ines.field('Code from the app').fill(await ines.demo.inbox.authenticatorCode(ines.email));
  await ines.button('Confirm app').click();
  await expect(ines.heading('Authenticator app replaced')).toBeVisible();
  await stop('replaced', ines);
  await ines.open('/');
  await ines.atHome();
  await stop('hold-home', ines);
  await ines.open('/withdraw');
  await expect(ines.heading(/^Withdrawals paused until/)).toBeVisible();
  await stop('hold-withdraw', ines);

  const mail = await ines.demo.inbox.next('email', (each) => each.text.includes('/not-me#'));
  await anybody.open(/\/not-me#[A-Za-z0-9_-]+/.exec(mail.text)?.[0] ?? '');
  await expect(anybody.button('Freeze now')).toBeVisible();
  await stop('not-me', anybody);
  await anybody.button('Freeze now').click();
  await expect(anybody.heading('Your account is frozen')).toBeVisible();
  await stop('not-me-frozen', anybody);
  await anybody.open('/demo/inbox');
  await anybody.page.getByRole('log').getByRole('button').first().click();
  await stop('demo-mail', anybody);

  // The page that was open keeps what is on it, under a sheet that asks to sign in again.
  await ines.button('Your profile').click();
  await expect(ines.page.getByRole('dialog')).toBeVisible();
  await ines.signInWithPasskey();
  await stop('frozen-home', ines);
  await ines.open('/security');
  await expect(ines.heading('Security')).toBeVisible();
  await stop('frozen-security', ines);
  await ines.open('/frozen');
  await expect(ines.heading('Verify it’s you')).toBeVisible();
  await stop('unfreeze', ines);
}

/** Lists have arrived where their outlines were. */
async function settled(customer: Customer): Promise<void> {
  await expect(customer.page.locator('[aria-busy=true]')).toHaveCount(0);
}

/** Shows the page in this size and these colours, and ends whatever moves, but what moves for ever. */
export async function dress(
  { page }: Sight,
  { colorScheme, ...size }: { width: number; height: number; colorScheme: 'light' | 'dark' },
): Promise<void> {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme);
  // What moves is taken to its end: a part that is not shown would never come there by itself. The colours that it hands down
  // may set others moving, so it is over only when nothing is found to move.
  await page.waitForFunction(() => {
    const moving = document
      .getAnimations()
      .filter((each) => each.playState !== 'finished' && each.effect?.getComputedTiming().endTime !== Infinity);
    for (const each of moving) each.finish();
    return moving.length === 0;
  });
}
