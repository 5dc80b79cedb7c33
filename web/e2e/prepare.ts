import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { expect, prepared, test } from './harness/test';

test.use({ world: 'new' });

// An authenticator app's code serves once, so every flow by codes costs up to half a minute. Ines gets her passkey here,
// by the app, and the other tests begin with a copy of what is then in the demo's folder.
test('a passkey is created after three codes, and is kept for the other tests', async ({ demo, ines }) => {
  await ines.signInWithCodes();
  await ines.openCreatePasskeyByTaps();
  await ines.createPasskey();
  const [passkey] = await ines.device.passkeys();
  expect(passkey?.rpId).toBe('localhost');

  await ines.open('about:blank');
  await demo.stop();
  await rm(prepared, { recursive: true, force: true });
  await mkdir(prepared, { recursive: true });
  await cp(demo.folder, `${prepared}data`, { recursive: true });
  await writeFile(`${prepared}spent.json`, JSON.stringify(demo.inbox.spent));
  await writeFile(`${prepared}passkey.json`, JSON.stringify(passkey), { mode: 0o600 });
});
