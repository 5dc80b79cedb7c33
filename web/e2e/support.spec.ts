import type { Locator, Page, Request, Route } from '@playwright/test';
import type { Customer } from './harness/customer';
import { expect, ines, test, tom } from './harness/test';
import {
  isShared,
  noisyVideo,
  recordedBytes,
  recordedFor,
  recordingBar,
  sharesThisTab,
  stopsSharing,
} from './harness/video';

// The browser's own choice of screen cannot be answered in a test: the tab itself is taken.
test.use({
  launchOptions: async ({ launchOptions }, use) =>
    use({ ...launchOptions, args: [...(launchOptions.args ?? []), '--auto-accept-this-tab-capture'] }),
});

const MiB = 1024 * 1024;

interface Recording {
  id: string;
  state: string;
  bytes: number;
  stored: number;
}

/** What was sent of recordings, and how it was answered. */
class Pieces {
  readonly stored: number[] = [];

  constructor(page: Page) {
    page.on('response', (answer) => {
      if (answer.request().method() !== 'PATCH' || answer.status() !== 200) return;
      this.stored.push(Number(answer.request().headers()['upload-offset']));
    });
  }
}

const isPiece = (request: Request) => request.method() === 'PATCH';

/** Lets so many pieces through, and does with the others as told, whatever was told before. */
async function after(page: Page, pieces: number, then: (route: Route) => unknown): Promise<void> {
  let seen = 0;
  await page.route('**/v1/recordings/*', async (route) => {
    if (isPiece(route.request()) && ++seen > pieces) await then(route);
    else await route.continue();
  });
}

const letThrough = (page: Page) => page.unroute('**/v1/recordings/*');

async function choose(customer: Customer, name: string, mimeType: string, buffer: Buffer): Promise<void> {
  await customer.page.locator('input[type=file]').setInputFiles({ name, mimeType, buffer }, { timeout: 30_000 });
  await customer.page.getByRole('button', { name: 'Use this recording' }).click();
}

/** From the form to a screen that is being recorded, and of which there is something already. */
async function record(customer: Customer): Promise<void> {
  await customer.button('Record screen').click();
  await startRecording(customer);
}

async function startRecording(customer: Customer): Promise<void> {
  await customer.button('Start recording').click();
  await recordedFor(customer.page, 1);
}

/** Whether what is seen at its middle is the thing itself, also where it lets pointers through to what it covers. */
const onTop = (locator: Locator) =>
  locator.evaluate((element: HTMLElement) => {
    element.style.pointerEvents = 'auto';
    const { x, y, width, height } = element.getBoundingClientRect();
    const there = document.elementFromPoint(x + width / 2, y + height / 2);
    element.style.pointerEvents = '';
    return element.contains(there);
  });

/** The service's configuration with other figures for support. */
async function withFigures(page: Page, figures: Record<string, number>): Promise<void> {
  await page.route('**/v1/config', async (route) => {
    const answer = await route.fetch();
    const config = (await answer.json()) as { support: object };
    await route.fulfill({ response: answer, json: { ...config, support: { ...config.support, ...figures } } });
  });
}

const uploaded = (customer: Customer) => customer.page.getByText('Uploaded', { exact: true });

async function recordingOf(customer: Customer): Promise<Recording> {
  const id = await customer.page.evaluate(
    () => (JSON.parse(sessionStorage.getItem('request') ?? '{}') as { recording?: string }).recording ?? '',
  );
  return (await customer.get<Recording>(`/v1/recordings/${id}`)).body;
}

/** How many recordings the browser itself still holds. */
function held(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve, reject) => {
        const open = indexedDB.open('countersign', 1);
        open.onerror = () => reject(new Error('no store'));
        open.onsuccess = () => {
          const count = open.result.transaction('recordings').objectStore('recordings').count();
          count.onsuccess = () => resolve(count.result);
        };
      }),
  );
}

test('a screen is recorded through the app, looked at, sent, and stands in the request with its end', async ({
  ines,
}) => {
  const { page } = ines;
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/help');
  await page.getByRole('link', { name: /^Your requests/ }).click();
  await ines.link('New request').click();
  await expect(ines.heading('Tell us what happened')).toBeVisible();

  await page.getByLabel('About', { exact: true }).selectOption('Creating a passkey failed');
  await ines.field('What did you see?').fill('A grey sheet, for a moment. <b>Then</b> nothing.');
  await ines.button('Record screen').click();
  // What to hide is said before anything is recorded.
  await expect(page.getByText('Close or cover codes, balances and messages.')).toBeVisible();
  await ines.button('Start recording').click();

  const bar = recordingBar(page);
  await expect(bar).toBeVisible();
  await page.getByRole('link', { name: 'Activity' }).click();
  await expect(ines.heading('Activity')).toBeVisible();
  await expect(bar).toBeInViewport();
  await recordedFor(page, 2);
  await bar.getByRole('button', { name: 'Stop' }).click();

  // It comes back to the request, as it was typed, and shows what was recorded. Nothing has been sent.
  const preview = page.getByRole('dialog', { name: 'Check the recording' });
  await expect(preview.getByLabel('Your recording')).toBeVisible();
  await expect
    .poll(() => preview.locator('video').evaluate((video: HTMLVideoElement) => video.videoWidth))
    .toBeGreaterThan(0);
  expect(ines.gate.requests.filter((each) => each.url.includes('/v1/recordings'))).toEqual([]);
  await preview.getByRole('button', { name: 'Use this recording' }).click();
  await expect(uploaded(ines)).toBeVisible();
  await expect(ines.field('What did you see?')).toHaveValue(/grey sheet/);
  await expect.poll(() => held(page)).toBe(0);

  // What goes along can be read first.
  await page.getByRole('button', { name: /^Device report/ }).click();
  await expect(page.getByRole('dialog', { name: 'The report' })).toContainText('Chrome');
  await page.getByRole('dialog', { name: 'The report' }).getByRole('button', { name: 'Close' }).last().click();

  await ines.button('Send').click();
  await expect(page).toHaveURL(/\/support\/tkt_/);
  await expect(ines.heading('Creating a passkey failed')).toBeVisible();
  await expect(page.getByText('A grey sheet, for a moment. <b>Then</b> nothing.')).toBeVisible();
  await expect(page.getByText(/deleted on \d+ \w+ \d{4}/).first()).toBeVisible();
  await expect(page.getByText('Device report')).toBeVisible();

  // One goes on writing there.
  await ines.field('Add something').fill('It happens on the other laptop too.');
  await ines.button('Send').click();
  await expect(page.getByRole('main').getByText('It happens on the other laptop too.')).toBeVisible();
  await ines.open('/support');
  await expect(page.getByRole('link', { name: /Creating a passkey failed/ })).toBeVisible();
});

test('Stop is within reach above a dialog, by pointer and by keyboard, and so is what a dialog says', async ({
  ines,
}) => {
  const { page } = ines;
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const stop = recordingBar(page).getByRole('button', { name: 'Stop' });
  const preview = page.getByRole('dialog', { name: 'Check the recording' });

  await record(ines);
  await page.getByRole('link', { name: 'Activity' }).click();
  await expect(ines.heading('Activity')).toBeVisible();
  const menu = await ines.openMenu();
  await expect(stop).toBeInViewport();
  expect(await onTop(stop)).toBe(true);
  await menu.getByRole('button', { name: /^Copy/ }).click();
  const said = page.getByRole('status').filter({ hasText: /^(Copied|Could not copy)/ });
  await expect(said).toBeInViewport();
  expect(await onTop(said)).toBe(true);
  await stop.click();
  await expect(preview).toBeVisible();
  await preview.getByRole('button', { name: 'Record again' }).click();
  await startRecording(ines);

  await page.getByRole('link', { name: 'Activity' }).click();
  await expect(ines.heading('Activity')).toBeVisible();
  await ines.openMenu();
  await page.keyboard.press('Shift+Tab');
  await expect(stop).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(preview).toBeVisible();
  await expect(recordingBar(page)).toBeHidden();
  expect(await isShared(page)).toBe(false);

  // The dialog has gone with its page, the bar with the recording; a third one has both again.
  await preview.getByRole('button', { name: 'Record again' }).click();
  await startRecording(ines);
  await page.getByRole('link', { name: 'Activity' }).click();
  await ines.openMenu();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  expect(await onTop(stop)).toBe(true);
  await stop.click();
  await expect(preview).toBeVisible();
});

test('the browser’s own end of sharing is a stop too, and what was recorded waits on whatever page', async ({
  ines,
}) => {
  const { page } = ines;
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await record(ines);
  await expect(ines.button('Send when recorded')).toBeDisabled();
  await page.getByRole('link', { name: 'Activity' }).click();
  await stopsSharing(page);
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByRole('dialog', { name: 'Check the recording' })).toBeVisible();
  // Nor is it lost to who goes back before deciding on it.
  await page.goBack();
  await expect(ines.heading('Activity')).toBeVisible();
  await page.getByRole('button', { name: 'Look at it' }).click();
  await page.getByRole('button', { name: 'Use this recording' }).click();
  await expect(uploaded(ines)).toBeVisible();
  await expect(recordingBar(page)).toBeHidden();
});

test('where a screen cannot be recorded it is said, and nothing stays shared', async ({ ines }) => {
  const { page } = ines;
  await sharesThisTab(ines);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await page.evaluate(() => {
    const real = Object.getOwnPropertyDescriptor(MediaRecorder.prototype, 'start')?.value as () => void;
    // As where Stop comes before the first picture.
    MediaRecorder.prototype.start = function () {
      this.addEventListener('dataavailable', (event) => event.stopImmediatePropagation());
      real.call(this);
    };
  });
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  await recordingBar(page).getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByRole('alert')).toContainText('The recording was stopped before anything was in it.');
  expect(await isShared(page)).toBe(false);
  await expect(recordingBar(page)).toBeHidden();

  await page.evaluate(() => {
    MediaRecorder.prototype.start = () => {
      throw new DOMException('no encoder', 'NotSupportedError');
    };
  });
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  await expect(page.getByRole('alert')).toContainText('Your browser could not record the screen.');
  expect(await isShared(page)).toBe(false);
  await expect(recordingBar(page)).toBeHidden();

  await page.evaluate(() => {
    MediaDevices.prototype.getDisplayMedia = () => Promise.reject(new DOMException('by system', 'NotAllowedError'));
  });
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  await expect(page.getByRole('alert')).toContainText('Nothing is being recorded');
});

test('what may be recorded, and for how long it is kept, is what the service says', async ({ ines }) => {
  const { page } = ines;
  await sharesThisTab(ines);
  await withFigures(page, { retention_days: 1, recording_seconds: 2, recording_bytes: 3 * MiB });
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await expect(page.getByText('It is deleted 1 day after your request is closed.')).toBeVisible();
  await expect(page.getByText('MP4, WebM or MOV, up to 2 seconds and 3 MB.')).toBeVisible();
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: 'long.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(3 * MiB + 1) });
  await expect(page.getByRole('alert')).toHaveText('This file is larger than 3 MB. Choose a shorter one.');
  await ines.button('Record screen').click();
  await ines.button('Start recording').click();
  // It ends by itself.
  await expect(page.getByRole('dialog', { name: 'Check the recording' })).toBeVisible();
});

test('an upload survives a lost connection, a killed server and a reload, and sends no piece twice', async ({
  ines,
}) => {
  const { page, demo } = ines;
  ines.gate.expect(/ERR_/);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const file = await noisyVideo(page, 6.5 * MiB);
  const pieces = new Pieces(page);
  await ines.field('What did you see?').fill('Typed before it all.');

  // The connection breaks after two pieces.
  await after(page, 2, (route) => route.abort('connectionreset'));
  await choose(ines, 'passkey-setup.webm', 'video/webm', file);
  await expect(page.getByText(/^No connection\. It goes on by itself at \d+%\.$/)).toBeVisible();
  await expect(ines.button('Send when uploaded')).toBeDisabled();
  expect((await recordingOf(ines)).stored).toBe(2 * MiB);

  // The server is killed after one more, and comes back.
  await after(page, 1, async (route) => {
    await demo.crash();
    await route.abort('connectionrefused');
  });
  await expect.poll(() => pieces.stored.length, { timeout: 20_000 }).toBe(3);
  await expect(page.getByText(/^No connection/)).toBeVisible();
  await after(page, 1, (route) => route.abort('connectionreset'));
  await demo.restart();
  await expect.poll(() => pieces.stored.length, { timeout: 40_000 }).toBe(4);

  // The page is loaded anew in the middle of it.
  await expect(page.getByText(/^No connection/)).toBeVisible();
  expect(await held(page)).toBe(1);
  await page.reload();
  await letThrough(page);
  await expect(ines.field('What did you see?')).toHaveValue('Typed before it all.');
  await expect(page.getByText('passkey-setup.webm')).toBeVisible();
  await expect(uploaded(ines)).toBeVisible({ timeout: 30_000 });

  const whole = Math.ceil(file.length / MiB);
  expect(pieces.stored).toEqual(Array.from({ length: whole }, (_, i) => i * MiB));
  expect(await recordingOf(ines)).toMatchObject({ state: 'ready', bytes: file.length, stored: file.length });
  await expect.poll(() => held(page)).toBe(0);
  await expect(ines.button('Send')).toBeEnabled();
});

test('what was recorded in the page arrives in pieces over a killed server, and is played and sought in another browser', async ({
  admin,
  ines,
}) => {
  const { page, demo } = ines;
  ines.gate.expect(/ERR_/);
  admin.gate.expect(/ERR_/);
  await sharesThisTab(ines, { noisy: true });
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.field('What did you see?').fill('Noise.');
  await record(ines);
  await recordedBytes(page, 3 * MiB);
  await recordingBar(page).getByRole('button', { name: 'Stop' }).click();

  const pieces = new Pieces(page);
  await after(page, 2, async (route) => {
    await demo.crash();
    await route.abort('connectionreset');
  });
  await page.getByRole('button', { name: 'Use this recording' }).click();
  await expect(page.getByText(/^No connection/)).toBeVisible();
  expect(pieces.stored).toEqual([0, MiB]);
  await letThrough(page);
  await demo.restart();
  await expect(uploaded(ines)).toBeVisible({ timeout: 40_000 });
  expect(pieces.stored.length).toBeGreaterThan(2);
  expect(pieces.stored).toEqual(pieces.stored.map((_, i) => i * MiB));
  await ines.button('Send').click();
  await expect(page).toHaveURL(/\/support\/tkt_/);

  await admin.open('/operator');
  await admin.page.getByRole('link', { name: /^Something else .*Recording$/ }).click();
  const video = admin.page.locator('video');
  const at = () => video.evaluate((each: HTMLVideoElement) => each.currentTime);
  // Its end is looked for first, and then it is at its beginning again.
  await expect.poll(() => video.evaluate((each: HTMLVideoElement) => each.duration)).toBeLessThan(60);
  await expect.poll(at).toBe(0);
  await admin.button('Play').click();
  await expect.poll(at).toBeGreaterThan(0.3);
  // How much a busy machine filmed in these seconds is its own affair: it may have come to its end by now.
  await video.evaluate((each: HTMLVideoElement) => each.pause());
  const slider = admin.page.getByRole('slider', { name: 'Place in the recording' });
  await slider.press('Home');
  await expect.poll(at).toBe(0);
  // The slider goes by tenths of a second.
  await slider.press('End');
  await expect
    .poll(() => video.evaluate((each: HTMLVideoElement) => each.duration - each.currentTime))
    .toBeLessThan(0.2);
  expect(await video.evaluate((each: HTMLVideoElement) => each.videoWidth)).toBeGreaterThan(0);
});

test('an answer that got lost is not a lost piece: it goes on from where the server is', async ({ ines }) => {
  const { page } = ines;
  ines.gate.expect(/ERR_/);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const file = await noisyVideo(page, 2.5 * MiB);
  const pieces = new Pieces(page);
  let lost = false;
  await page.route('**/v1/recordings/*', async (route) => {
    if (!isPiece(route.request()) || lost) return route.continue();
    lost = true;
    await route.fetch();
    await route.abort('connectionreset');
  });
  await choose(ines, 'lost.webm', 'video/webm', file);
  await expect(uploaded(ines)).toBeVisible({ timeout: 20_000 });
  expect(pieces.stored[0]).toBe(MiB);
});

test('an upload that could not even be declared goes on by itself', async ({ ines }) => {
  const { page } = ines;
  ines.gate.expect(/ERR_/);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const file = await noisyVideo(page, 0.5 * MiB);
  let tries = 0;
  let down = true;
  await page.route('**/v1/recordings', async (route) => {
    tries++;
    await (down ? route.abort() : route.continue());
  });
  await choose(ines, 'early.webm', 'video/webm', file);
  await expect(page.getByText('No connection. It goes on by itself at 0%.')).toBeVisible();
  down = false;
  await expect(uploaded(ines)).toBeVisible();
  expect(tries).toBeGreaterThan(1);
});

test('a recording that the browser could not keep is asked for again after a reload', async ({ ines }) => {
  const { page } = ines;
  ines.gate.expect(/ERR_/);
  await page.addInitScript(() => {
    // As in a window whose store is closed to pages.
    indexedDB.open = () => {
      throw new DOMException('closed', 'SecurityError');
    };
  });
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const file = await noisyVideo(page, 2.5 * MiB);
  await after(page, 1, (route) => route.abort('connectionreset'));
  await choose(ines, 'unkept.webm', 'video/webm', file);
  await expect(page.getByText(/^No connection/)).toBeVisible();
  const { id } = await recordingOf(ines);
  // Who goes all the same was asked first.
  const asked = page.waitForEvent('dialog').then((dialog) => dialog.accept().then(() => dialog.type()));
  await page.reload();
  expect(await asked).toBe('beforeunload');
  await letThrough(page);
  await expect(page.getByRole('alert')).toContainText('Add it again.');
  await expect.poll(async () => (await ines.get<Recording>(`/v1/recordings/${id}`)).body.state).toBe('deleted');
  await ines.field('What did you see?').fill('Nothing.');
  await expect(ines.button('Send')).toBeEnabled();
});

test('what arrived is not left out of the request because the service is down when the page is loaded', async ({
  ines,
}) => {
  const { page } = ines;
  ines.gate.expect(/503/);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await choose(ines, 'there.webm', 'video/webm', await noisyVideo(page, 0.2 * MiB));
  await expect(uploaded(ines)).toBeVisible();
  let down = true;
  await page.route('**/v1/recordings/*', (route) => (down ? route.fulfill({ status: 503 }) : route.continue()));
  await page.reload();
  await expect(page.getByText('Looking for your recording')).toBeVisible();
  await expect(ines.button('Send when uploaded')).toBeDisabled();
  down = false;
  await expect(uploaded(ines)).toBeVisible();
  await expect(ines.button('Send')).toBeEnabled();
});

test('one who has no session takes another recording in place of the first', async ({ another }) => {
  const visitor = await another(ines);
  const { page } = visitor;
  await visitor.open('/support/new');
  const file = await noisyVideo(page, 0.2 * MiB);
  await choose(visitor, 'first.webm', 'video/webm', file);
  await expect(uploaded(visitor)).toBeVisible();
  await choose(visitor, 'second.webm', 'video/webm', file);
  await expect(page.getByText('second.webm')).toBeVisible();
  await expect(uploaded(visitor)).toBeVisible();
});

test('what somebody began to write is not shown to the next one who signs in', async ({ ines, another }) => {
  const { page } = ines;
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.field('What did you see?').fill('Mine alone');
  await page.getByRole('link', { name: 'Activity' }).click();
  await ines.signOut();
  await page.getByRole('link', { name: 'Trouble signing in?' }).click();
  await page.getByRole('link', { name: 'Start a request' }).click();
  await expect(ines.field('What did you see?')).toHaveValue('');

  // And one that was sent is not kept at all.
  const visitor = await another(tom);
  await visitor.open('/support/new');
  await visitor.page.getByLabel('About', { exact: true }).selectOption('A withdrawal');
  await visitor.field('What did you see?').fill('Sent');
  await visitor.field('Your e-mail').fill('nobody@elsewhere.example');
  await visitor.button('Send').click();
  await expect(visitor.heading('We have your request')).toBeVisible();
  await visitor.link('Back to sign-in').click();
  await expect(visitor.heading('Sign in')).toBeVisible();
  expect(await visitor.page.evaluate(() => sessionStorage.getItem('request'))).toBeNull();
});

test('it can be paused, gone on with and taken back', async ({ ines }) => {
  const { page } = ines;
  ines.gate.expect(/ERR_/);
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  const file = await noisyVideo(page, 3.5 * MiB);
  await after(page, 1, () => undefined); // never answered
  await choose(ines, 'paused.webm', 'video/webm', file);
  await expect(page.getByText(/^\d+%/)).toBeVisible();
  await ines.button('Pause').click();
  await expect(page.getByText(/^Paused at \d+%$/)).toBeVisible();
  await letThrough(page);
  await expect(ines.button('Send when uploaded')).toBeDisabled();
  await expect.poll(() => held(page)).toBe(1);
  // Who has stopped it has stopped it: a reload does not go on by itself.
  await page.reload();
  await expect(page.getByText(/^Paused at \d+%$/)).toBeVisible();
  await ines.button('Go on').click();
  await expect(uploaded(ines)).toBeVisible();
  const { id } = await recordingOf(ines);
  await ines.button('Remove').click();
  await expect(uploaded(ines)).toBeHidden();
  await expect.poll(async () => (await ines.get<Recording>(`/v1/recordings/${id}`)).body.state).toBe('deleted');
  await expect.poll(() => held(page)).toBe(0);
  await expect(ines.button('Send')).toBeEnabled();
});

test('what is no video is refused in words, and the request can go without it', async ({ ines }) => {
  const { page } = ines;
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await page.locator('input[type=file]').setInputFiles({
    name: 'page.html',
    mimeType: 'text/html',
    buffer: Buffer.from('<script>alert(1)</script>'),
  });
  await expect(page.getByRole('alert')).toHaveText('Choose an MP4, WebM or MOV video.');

  // One that only says it is a video cannot be played here, and is found out there.
  await choose(ines, 'page.mp4', 'video/mp4', Buffer.from('<html><script>alert(1)</script></html>'.repeat(50)));
  await expect(page.getByRole('alert')).toContainText('so we didn’t keep it.');
  await ines.field('What did you see?').fill('Nothing.');
  await ines.button('Send').click();
  await expect(page).toHaveURL(/\/support\/tkt_/);
});

test('without a session: from the sign-in page to the doctor, a request, and its answer by the mailed link', async ({
  another,
  ines: owner,
}) => {
  const visitor = await another(ines, { viewport: { width: 390, height: 844 } });
  const { page, demo } = visitor;
  await visitor.open('/sign-in');
  await visitor.link('Trouble signing in?').click();
  await visitor.link('Start a request').click();
  await visitor.button('Send').click();
  await expect(page.getByText('Say in a few words what happened.')).toBeVisible();
  await visitor.field('What did you see?').fill('I cannot sign in.');
  await visitor.button('Send').click();
  await expect(page.getByText('We need an e-mail to answer to.')).toBeVisible();
  await demo.inbox.clear();
  await visitor.field('Your e-mail').fill('nobody@elsewhere.example');
  const file = await noisyVideo(page, 0.2 * MiB);
  await choose(visitor, 'phone.webm', 'video/webm', file);
  await expect(uploaded(visitor)).toBeVisible();
  await visitor.button('Send').click();
  await expect(visitor.heading('We have your request')).toBeVisible();
  const number = await page.getByText(/^CS-\d+$/).textContent();

  const mail = await demo.inbox.next('email', (each) => each.to.includes('nobody@elsewhere.example'));
  const link = /\/support#[A-Za-z0-9_-]+/.exec(mail.text)?.[0] ?? '';
  await visitor.open(link);
  await expect(page.getByText(`Request ${number ?? ''}`)).toBeVisible();
  await expect(page.getByText('I cannot sign in.')).toBeVisible();
  await expect(page.getByText(/, deleted on /)).toBeVisible();
  await visitor.field('Add something').fill('Now I can.');
  await visitor.button('Send').click();
  await expect(page.getByRole('main').getByText('Now I can.')).toBeVisible();

  // Only what is behind the # changes, and the page follows.
  await visitor.open('/support#no-such-token');
  await expect(visitor.heading('This link no longer works')).toBeVisible();
  await visitor.open(link);
  await expect(page.getByText('I cannot sign in.')).toBeVisible();

  // Somebody who is signed in has a way from there to their own.
  await owner.signInWithPasskey();
  await owner.open(link);
  await expect(owner.page.getByText('I cannot sign in.')).toBeVisible();
  await owner.page.getByRole('navigation').getByRole('link', { name: 'Your requests' }).click();
  await expect(owner.heading('Your requests')).toBeVisible();
  await expect(owner.page.getByText('I cannot sign in.')).toBeHidden();
});

test('by the mailed link an answer takes a recording along, made or chosen, as a new request does', async ({
  another,
}) => {
  const visitor = await another(ines);
  const { page, demo } = visitor;
  visitor.gate.expect(/ERR_/);
  await sharesThisTab(visitor);
  await visitor.open('/support/new');
  await visitor.field('What did you see?').fill('I cannot sign in.');
  await visitor.field('Your e-mail').fill('nobody@elsewhere.example');
  await visitor.button('Send').click();
  await expect(visitor.heading('We have your request')).toBeVisible();
  const mail = await demo.inbox.next('email', (each) => each.to.includes('nobody@elsewhere.example'));
  await visitor.open(/\/support#[A-Za-z0-9_-]+/.exec(mail.text)?.[0] ?? '');
  await expect(page.getByText('I cannot sign in.')).toBeVisible();
  const link = page.url();
  const preview = page.getByRole('dialog', { name: 'Check the recording' });
  const stop = recordingBar(page).getByRole('button', { name: 'Stop' });

  const toList = async () => {
    await page.evaluate(() => (location.hash = ''));
    await expect(visitor.link('New request')).toBeVisible();
  };

  // The list has the same path; Stop leads back from there all the same.
  await record(visitor);
  await toList();
  await stop.click();
  await expect(preview).toBeVisible();
  await expect(page).toHaveURL(link);
  await preview.getByRole('button', { name: 'Record again' }).click();
  await startRecording(visitor);

  // Another form neither waits for it nor takes it.
  await toList();
  await visitor.link('New request').click();
  await expect(visitor.button('Send')).toBeEnabled();
  await expect(visitor.button('Record screen')).toBeDisabled();
  await stopsSharing(page);
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page).toHaveURL(link);
  await preview.getByRole('button', { name: 'Use this recording' }).click();
  await expect(uploaded(visitor)).toBeVisible();

  // A file in its place, half of which is there when the page is loaded anew.
  const file = await noisyVideo(page, 2.5 * MiB);
  await visitor.field('Add something').fill('Begun');
  await after(page, 1, (route) => route.abort('connectionreset'));
  await choose(visitor, 'phone.webm', 'video/webm', file);
  await expect(page.getByText(/^No connection/)).toBeVisible();
  await visitor.field('Add something').fill('Typed meanwhile.');
  await expect(visitor.button('Send when uploaded')).toBeDisabled();
  await visitor.button('Pause').click();
  await letThrough(page);
  await expect.poll(() => held(page)).toBe(1);
  await page.reload();
  await expect(page.getByText(/^Paused at \d+%$/)).toBeVisible();
  await expect(visitor.field('Add something')).toHaveValue('Typed meanwhile.');
  await visitor.button('Go on').click();
  await expect(uploaded(visitor)).toBeVisible();
  await visitor.button('Send').click();
  await expect(page.getByRole('main').getByText('Typed meanwhile.')).toBeVisible();
  await expect(page.getByText(/, deleted on /)).toBeVisible();
  await expect(uploaded(visitor)).toBeHidden();
  await expect.poll(() => held(page)).toBe(0);
});

test('a newer build is offered, never taken by itself, and what was typed stays', async ({ ines }) => {
  const { page } = ines;
  await ines.signInWithPasskey();
  await ines.open('/support/new');
  await ines.field('What did you see?').fill('Half a sentence');
  await expect(page.getByText('A new version is ready')).toBeHidden();
  await page.route('**/v1/tickets*', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, headers: { ...answer.headers(), 'x-build': 'a-newer-one' } });
  });
  await ines.open('/support');
  await ines.link('New request').click();
  await expect(page.getByText('A new version is ready')).toBeVisible();
  await expect(ines.field('What did you see?')).toHaveValue('Half a sentence');
  const loaded = page.waitForEvent('load');
  await ines.button('Update').click();
  await loaded;
  await expect(ines.field('What did you see?')).toHaveValue('Half a sentence');
});
