import type { PasskeyErrorCode } from '$lib/webauthn/classify';

/** Title and line for what an authenticator may answer; each says what did not happen. */
export default {
  codes: {
    aborted: { title: 'Stopped', line: 'Nothing changed.' },
    cancelled: { title: 'Not confirmed', line: 'You closed the request. Nothing changed.' },
    no_passkey_here: {
      title: 'No passkey used',
      line: 'The window was closed, or this device has no passkey for your account. Nothing changed.',
    },
    timed_out: { title: 'That took too long', line: 'The request expired. Nothing changed.' },
    closed_early: {
      title: 'Your device closed the request',
      line: 'It stopped before we could ask you. Nothing changed.',
    },
    needs_tap: { title: 'Tap once more', line: 'Your browser lost the tap.' },
    already_registered: { title: 'Already set up here', line: 'This device has a passkey for your account.' },
    screen_lock_required: {
      title: 'Set a screen lock first',
      line: 'Passkeys need a PIN, pattern, face or fingerprint on this device.',
    },
    verification_unavailable: { title: 'This key can’t verify you', line: 'Set a PIN on it, or use your phone.' },
    not_supported: { title: 'Passkeys don’t work here', line: 'Update this browser, or use another device.' },
    provider_error: { title: 'Your password manager had a problem', line: 'Update it, then try again.' },
    in_app_browser: {
      title: 'Open this page in your browser',
      line: 'Browsers inside other apps can’t use passkeys. Nothing changed.',
    },
    blocked_by_policy: { title: 'Passkeys are blocked here', line: 'Open this page in a window of its own.' },
    wrong_domain: { title: 'Something’s wrong on our side', line: 'Your device is fine. Use codes for now.' },
    bad_request: { title: 'Something’s wrong on our side', line: 'Your device is fine. Use codes for now.' },
    unknown: { title: 'That didn’t work', line: 'Nothing changed. Try again, or use codes.' },
  } satisfies Record<PasskeyErrorCode, { title: string; line: string }>,
};
