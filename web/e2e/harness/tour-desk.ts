import { expect } from '@playwright/test';
import type { Customer } from './customer';
import type { Operator } from './operator';
import type { Stop } from './tour';
import { noisyVideo } from './video';

/** What an operator sees before anybody has let them in. */
export async function atTheDoor(operator: Operator, stop: Stop): Promise<void> {
  await operator.open('/operator/sign-in');
  await expect(operator.heading('Operators’ desk')).toBeVisible();
  await stop('desk-sign-in', operator);
  await operator.open('/operator/accept');
  await expect(operator.heading('This link is incomplete')).toBeVisible();
  await stop('desk-accept-no-link', operator);
  await operator.open(operator.demo.invitation);
  await expect(operator.heading(/^Welcome, /)).toBeVisible();
  await stop('desk-accept', operator);
}

/** The desk as an admin sees it, with one request of this customer. */
export async function desk(admin: Operator, ines: Customer, stop: Stop): Promise<void> {
  const { page } = admin;
  await admin.open('/operator');
  await expect(admin.heading('No requests')).toBeVisible();
  await stop('desk-queue-empty', admin);

  await askForHelp(ines);
  await admin.open('/operator');
  const row = page.getByRole('link', { name: /^Signing in with a passkey failed/ });
  await expect(row).toBeVisible();
  await admin.button('Search and filter').click();
  await stop('desk-queue', admin);
  await row.click();
  await expect(admin.heading('What happened')).toBeVisible();
  await admin.button('Screen lock steps').click();
  await admin.button('Send reply').click();
  await expect(page.getByText('Reply sent')).toBeVisible();
  await stop('desk-request', admin);
  await page.getByText('Report', { exact: true }).click();
  await stop('desk-request-report', admin);
  await admin.button('Assign').click();
  await expect(admin.dialog().getByRole('button', { name: 'Nobody' })).toBeVisible();
  await stop('desk-assign', admin);

  await admin.open('/operator/accounts');
  await expect(admin.heading('Find an account')).toBeVisible();
  await admin.button('Find').click();
  await stop('desk-accounts', admin);
  await admin.openAccount(ines.email);
  await stop('desk-account', admin);
  await admin.button(/^End all sessions/).click();
  await stop('desk-end-sessions', admin);
  await admin.dialog().getByRole('button', { name: 'Cancel' }).click();
  await admin.button(/^Put withdrawals on hold/).click();
  await stop('desk-hold', admin);
  await admin.dialog().getByLabel('Reason').fill('Says that somebody has the phone');
  await admin.dialog().getByRole('button', { name: 'Put on hold' }).click();
  await expect(admin.heading('Withdrawals paused')).toBeVisible();
  await stop('desk-account-held', admin);

  await admin.open('/operator/check');
  await expect(admin.heading('Addresses')).toBeVisible();
  await stop('desk-check', admin);
  await admin.open('/operator/numbers');
  await expect(admin.heading('Creating a passkey')).toBeVisible();
  await stop('desk-numbers', admin);
  await admin.button('As a table').click();
  await stop('desk-numbers-table', admin);

  await admin.open('/operator/team');
  await admin.button('Invite an operator').click();
  await admin.dialog().getByLabel('Name').fill('Sina Berg');
  await admin.dialog().getByLabel('E-mail').fill('sina@countersign.example');
  await stop('desk-invite', admin);
  await admin.dialog().getByRole('button', { name: 'Make the link' }).click();
  await expect(admin.dialog().getByText(/\/operator\/accept#/)).toBeVisible();
  await stop('desk-invited', admin);
  await admin.dialog().getByRole('button', { name: 'Done' }).click();
  await expect(admin.button('Change role: Sina Berg')).toBeVisible();
  await stop('desk-team', admin);
  await admin.button('Change role: Sina Berg').click();
  await stop('desk-role', admin);
  await admin.open('/operator/log');
  await expect(page.getByText('Read a request').first()).toBeVisible();
  await stop('desk-log', admin);
}

/** A request with a failed sign-in and a recording of it, as the app sends them. */
async function askForHelp(ines: Customer): Promise<void> {
  const { page } = ines;
  await ines.open('/sign-in');
  await ines.device.recognises(false);
  const reported = page.waitForResponse((answer) => answer.url().endsWith('/v1/attempts') && answer.ok());
  await ines.button('Sign in with a passkey').click();
  const { id: attempt } = (await (await reported).json()) as { id: string };
  const began = Date.now() - 1000;
  await ines.device.recognises(true);
  await ines.signInWithPasskey();
  const video = (await noisyVideo(page, 200_000)).toString('base64');
  const recording = await page.evaluate(
    async ([video, began]) => {
      const bytes = Uint8Array.from(atob(video), (each) => each.charCodeAt(0));
      const send = async (method: string, path: string, body: BodyInit, headers: Record<string, string>) =>
        (await (await fetch(path, { method, body, headers })).json()) as { id: string; stored: number; piece: number };
      const wanted = {
        bytes: bytes.length,
        media_type: 'video/webm',
        captured: 'screen',
        started_ms_ago: Date.now() - began,
      };
      let one = await send('POST', '/v1/recordings', JSON.stringify(wanted), { 'Content-Type': 'application/json' });
      while (one.stored < bytes.length) {
        one = await send(
          'PATCH',
          `/v1/recordings/${one.id}`,
          bytes.slice(one.stored, Math.min(bytes.length, one.stored + one.piece)),
          { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(one.stored) },
        );
      }
      return one.id;
    },
    [video, began] as const,
  );
  const { status } = await ines.post('/v1/tickets', {
    topic: 'passkey_sign_in_failed',
    body: 'After I pressed the button my phone showed a grey sheet for a moment, then it closed by itself. I tried twice.',
    attempt,
    report: { error: 'NotAllowedError', code: 'closed_early', elapsed_ms: 41 },
    recordings: [recording],
  });
  expect(status).toBe(201);
}
