/** What went wrong between the page and the authenticator, in the words that screens and support share. */
export type PasskeyErrorCode =
  | 'aborted'
  | 'cancelled'
  | 'no_passkey_here'
  | 'timed_out'
  | 'closed_early'
  | 'needs_tap'
  | 'already_registered'
  | 'screen_lock_required'
  | 'verification_unavailable'
  | 'not_supported'
  | 'provider_error'
  | 'in_app_browser'
  | 'blocked_by_policy'
  | 'wrong_domain'
  | 'bad_request'
  | 'unknown';

export type Operation = 'create' | 'get' | 'confirm' | 'autofill';

export interface Environment {
  secure: boolean;
  hasApi: boolean;
  framed: boolean;
  inApp: boolean;
  /** A platform authenticator that verifies the user; undefined when the browser does not tell. */
  uvpaa: boolean | undefined;
  elapsedMs: number;
  timeoutMs: number;
  /** The page was visible and the call came from a tap. */
  visible: boolean;
}

export interface Classified {
  code: PasskeyErrorCode;
  /** Nothing is shown: our own abort, or the autofill list dismissed. */
  silent: boolean;
}

/**
 * Names an error of navigator.credentials. NotAllowedError means almost anything, for privacy; how long it took tells a
 * person who cancelled (seconds) from a browser that never asked (under one).
 */
export function classify(operation: Operation, error: unknown, env: Environment): Classified {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const is = (code: PasskeyErrorCode, silent = false): Classified => ({ code, silent });

  if (name === 'AbortError') return is('aborted', true);
  if (operation === 'autofill' && ['NotAllowedError', 'InvalidStateError', 'ConstraintError'].includes(name)) {
    return is('cancelled', true);
  }
  if (!env.secure) return is('wrong_domain');
  if (env.inApp) return is('in_app_browser');
  if (!env.hasApi) return is('not_supported');

  switch (name) {
    case 'InvalidStateError':
      return operation === 'create' ? is('already_registered') : is('unknown');
    case 'ConstraintError':
      return is(env.uvpaa === false ? 'screen_lock_required' : 'verification_unavailable');
    case 'NotSupportedError':
      return is('not_supported');
    case 'SecurityError':
      return is(env.framed ? 'blocked_by_policy' : 'wrong_domain');
    case 'NotReadableError':
    case 'UnknownError':
    case 'OperationError':
    case 'DataError':
    case 'EncodingError':
      return is('provider_error');
    case 'TimeoutError': // proposed for WebAuthn, w3c/webauthn#2095
      return is('timed_out');
    case 'OptOutError': // proposed there too
      return is('cancelled');
    case 'TypeError':
      return is('bad_request');
    case 'NotAllowedError':
      if (env.framed && env.elapsedMs < 1000) return is('blocked_by_policy');
      if (env.elapsedMs >= 0.95 * env.timeoutMs) return is('timed_out');
      if (env.elapsedMs < 1000) return is(env.visible ? 'closed_early' : 'needs_tap');
      return is(operation === 'get' ? 'no_passkey_here' : 'cancelled');
  }
  return is('unknown');
}

const inAppNames: [RegExp, string][] = [
  [/FBAN|FBAV|FB_IAB/, 'Facebook'],
  [/Instagram/, 'Instagram'],
  [/BytedanceWebview|musical_ly|TikTok/, 'TikTok'],
  [/Line\//, 'LINE'],
  [/MicroMessenger/, 'WeChat'],
  [/Snapchat/, 'Snapchat'],
  [/Twitter/, 'X'],
  [/Telegram/, 'Telegram'],
];

/**
 * Which app's own browser this is: its name, '' for one that says no name, null for a browser of its own. A native app of
 * the operator's, where passkeys do work inside, says so by "Countersign/" in its user agent.
 */
export function inAppBrowser(userAgent: string): string | null {
  if (/Countersign\//.test(userAgent)) return null;
  const named = inAppNames.find(([pattern]) => pattern.test(userAgent));
  if (named) return named[1];
  const nameless =
    /; wv\)/.test(userAgent) ||
    (/iPhone|iPad/.test(userAgent) && /AppleWebKit/.test(userAgent) && !/Safari\//.test(userAgent));
  return nameless ? '' : null;
}

/** Browsers inside other apps, which mostly have the API and refuse it. */
export function isInAppBrowser(userAgent: string): boolean {
  return inAppBrowser(userAgent) !== null;
}
