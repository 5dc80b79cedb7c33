import { afterEach, describe, expect, it, vi } from 'vitest';
import { creationOptions, credentialJSON, fromBase64url, requestOptions, toBase64url } from './json';

afterEach(() => vi.unstubAllGlobals());

describe('base64url', () => {
  it('is its own inverse for every length', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length) & 255);
      const text = toBase64url(bytes);
      expect(text).toMatch(/^[\w-]*$/);
      expect([...fromBase64url(text)]).toEqual([...bytes]);
    }
  });

  it('takes padding and the other alphabet too', () => {
    expect([...fromBase64url('+/8=')]).toEqual([0xfb, 0xff]);
    expect([...fromBase64url('-_8')]).toEqual([0xfb, 0xff]);
  });
});

describe('for browsers without the conversions', () => {
  it('makes buffers of creation options', () => {
    vi.stubGlobal('PublicKeyCredential', class {});
    const options = creationOptions({
      challenge: 'AQID',
      rp: { id: 'localhost', name: 'x' },
      user: { id: 'BAU', name: 'a', displayName: 'A' },
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      excludeCredentials: [{ type: 'public-key', id: 'Bg' }],
    });
    expect([...(options.challenge as Uint8Array)]).toEqual([1, 2, 3]);
    expect([...(options.user.id as Uint8Array)]).toEqual([4, 5]);
    expect([...(options.excludeCredentials?.[0]?.id as Uint8Array)]).toEqual([6]);
  });

  it('leaves an absent list absent: an empty one means something else', () => {
    vi.stubGlobal('PublicKeyCredential', class {});
    expect(requestOptions({ challenge: 'AQID' }).allowCredentials).toBeUndefined();
  });

  it('writes an assertion as the specification does', () => {
    const buffer = (...bytes: number[]) => Uint8Array.from(bytes).buffer;
    const json = credentialJSON({
      id: 'AQ',
      rawId: buffer(1),
      type: 'public-key',
      authenticatorAttachment: 'platform',
      getClientExtensionResults: () => ({}),
      toJSON: () => {
        throw new TypeError('replaced by a password manager');
      },
      response: {
        clientDataJSON: buffer(2),
        authenticatorData: buffer(3),
        signature: buffer(4),
        userHandle: buffer(5),
      },
    } as unknown as PublicKeyCredential);
    expect(json).toEqual({
      id: 'AQ',
      rawId: 'AQ',
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: { clientDataJSON: 'Ag', authenticatorData: 'Aw', signature: 'BA', userHandle: 'BQ' },
    });
  });
});
