import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Demo, inTemporaryFolder } from './harness/demo';
import { expect, test } from './harness/test';

test.describe('F3: nothing works from another origin', () => {
  test('a scan made on another page is refused, even where the browser lets it happen', async ({ ines, demo }) => {
    await inTemporaryFolder(async (folder) => {
      // Another port of localhost: browsers find the same passkeys there. The worst that a look-alike site could get.
      const elsewhere = await Demo.start(folder);
      ines.gate.allowOrigin(elsewhere.origin);
      await ines.device.answers(false);
      await ines.open(`${elsewhere.origin}/help`);
      await ines.device.answers(true);

      const options = await fetch(`${demo.origin}/v1/login/passkey/options`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      });
      const { public_key } = (await options.json()) as { public_key: PublicKeyCredentialRequestOptionsJSON };
      const credential = await ines.page.evaluate(async (json) => {
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json);
        const answer = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential;
        return answer.toJSON();
      }, public_key);

      const relayed = await fetch(`${demo.origin}/v1/login/passkey`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ credential }),
      });
      expect(relayed.status).toBe(401);
      expect(await relayed.json()).toMatchObject({ code: 'passkey_refused' });
      expect(relayed.headers.get('set-cookie') ?? '').not.toContain('session=');
      await ines.open('about:blank');
      await elsewhere.stop();
    });
  });

  test('another page may neither write nor frame, and the app runs nothing but its own files', async ({
    ines,
    demo,
    baseURL,
  }) => {
    const foreign = createServer((_, response) => {
      response.setHeader('Content-Type', 'text/html').end(`<iframe src="${baseURL}/sign-in"></iframe>`);
    });
    await new Promise<void>((resolve) => void foreign.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
    ines.gate.allowOrigin(origin);
    ines.gate.expect(/frame-ancestors|blocked by CORS policy|ERR_FAILED/);
    await ines.open(`${origin}/`);
    await expect(ines.page.frameLocator('iframe').getByRole('heading', { name: 'Sign in' })).toBeHidden();

    const written = await ines.page.evaluate(
      (url) =>
        fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }).then(
          () => 'answered',
          () => 'refused',
        ),
      `${demo.origin}/v1/login/passkey/options`,
    );
    expect(written).toBe('refused');
    const forged = await fetch(`${demo.origin}/v1/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Origin: origin },
      body: JSON.stringify({ identifier: ines.email, password: 'x' }),
    });
    expect(forged.status).toBe(403);
    const asked = await ines.page.evaluate((rpId) => {
      const publicKey = { challenge: new Uint8Array(32), rpId };
      return navigator.credentials.get({ publicKey }).then(
        () => 'answered',
        (error: Error) => error.name,
      );
    }, 'localhost');
    expect(asked, 'the browser itself refuses').toBe('SecurityError');
    foreign.close();

    const page = await fetch(`${demo.origin}/sign-in`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
  });
});
