import { describe, expect, it } from 'vitest';
import { classify, isInAppBrowser, type Environment } from './classify';

const env: Environment = {
  secure: true,
  hasApi: true,
  framed: false,
  inApp: false,
  uvpaa: true,
  elapsedMs: 5000,
  timeoutMs: 300_000,
  visible: true,
};
const error = (name: string) => new DOMException('', name);

describe('classify', () => {
  it.each([
    ['create', 'NotAllowedError', {}, 'cancelled'],
    ['confirm', 'NotAllowedError', {}, 'cancelled'],
    ['get', 'NotAllowedError', {}, 'no_passkey_here'],
    ['get', 'NotAllowedError', { elapsedMs: 40 }, 'closed_early'],
    ['get', 'NotAllowedError', { elapsedMs: 40, visible: false }, 'needs_tap'],
    ['get', 'NotAllowedError', { elapsedMs: 299_000 }, 'timed_out'],
    ['get', 'NotAllowedError', { elapsedMs: 40, framed: true }, 'blocked_by_policy'],
    ['create', 'InvalidStateError', {}, 'already_registered'],
    ['create', 'ConstraintError', { uvpaa: false }, 'screen_lock_required'],
    ['create', 'ConstraintError', {}, 'verification_unavailable'],
    ['create', 'NotSupportedError', {}, 'not_supported'],
    ['get', 'SecurityError', {}, 'wrong_domain'],
    ['get', 'NotReadableError', {}, 'provider_error'],
    ['get', 'NotAllowedError', { inApp: true }, 'in_app_browser'],
    ['get', 'NotAllowedError', { secure: false }, 'wrong_domain'],
    ['get', 'NotAllowedError', { hasApi: false }, 'not_supported'],
  ] as const)('%s %s %o is %s', (operation, name, over, code) => {
    expect(classify(operation, error(name), { ...env, ...over })).toEqual({ code, silent: false });
  });

  it('says nothing about our own abort, nor about an autofill list that was dismissed', () => {
    expect(classify('get', error('AbortError'), env).silent).toBe(true);
    expect(classify('autofill', error('NotAllowedError'), env).silent).toBe(true);
  });

  it('does not fail on what is no error at all', () => {
    expect(classify('get', undefined, env).code).toBe('unknown');
  });
});

describe('isInAppBrowser', () => {
  it('knows the browsers inside other apps from the ones beside them', () => {
    const safari =
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';
    expect(isInAppBrowser(safari)).toBe(false);
    expect(isInAppBrowser(safari.replace(' Safari/604.1', ''))).toBe(true);
    expect(isInAppBrowser(safari + ' Line/14.0.0')).toBe(true);
    expect(isInAppBrowser('Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) AppleWebKit/537.36')).toBe(true);
  });
});
