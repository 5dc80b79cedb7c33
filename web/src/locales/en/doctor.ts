import type { Action, Cause, CheckId, Verdict } from '$lib/doctor/diagnose';
import { plural } from '$lib/i18n/index.svelte';

interface Words {
  title: (browser: string, app: string) => string;
  line: (browser: string, app: string) => string;
}

const say = (title: string, line: string): Words => ({ title: () => title, line: () => line });
const otherBrowser = (system: string) => (system === 'iOS' || system === 'iPadOS' ? 'Safari' : 'your own browser');

export default {
  title: 'Check this device',
  help: 'Help',
  security: 'Security',
  passkey: 'Passkey',
  checking: 'Checking this device',

  verdicts: { ready: 'Ready', fixable: 'Fixable', not_here: 'Not on this device' } satisfies Record<Verdict, string>,

  causes: {
    ready: say('This device is ready', 'It can hold a passkey, opened by your face, fingerprint or screen lock.'),
    insecure: say('This address isn’t secure', 'Passkeys work only at an address that begins with https.'),
    in_app: {
      title: (_, app) => (app ? `${app} can’t use passkeys` : 'This app can’t use passkeys'),
      line: (browser) => `Its built-in browser has no way to a passkey. Open this page in ${browser}.`,
    },
    framed: say('Open this page on its own', 'It stands inside another page, and browsers allow no passkeys there.'),
    no_api: {
      title: (browser) =>
        browser ? `This ${browser} is too old for passkeys` : 'This browser is too old for passkeys',
      line: (browser) => `Update ${browser || 'it'}, or use another device. Your codes go on working.`,
    },
    old_system: say(
      'This system is too old for passkeys',
      'Update it, or use another device. Your codes go on working.',
    ),
    screen_lock: say(
      'Set a screen lock first',
      'Passkeys need a PIN, pattern, face or fingerprint on this device. It has none yet.',
    ),
    windows_hello: say(
      'Turn on Windows Hello',
      'Passkeys need a Windows PIN, face or fingerprint on this computer. It has none yet.',
    ),
    no_local: say('This computer can’t hold a passkey', 'Use your phone or a security key: a QR code leads you there.'),
    closed_early: say('Your device closed the request', 'It stopped before we could ask you. Nothing changed.'),
    lost_tap: say('Tap the button again', 'Your browser lost the tap, so it asked you nothing. Nothing changed.'),
    dismissed: say('No passkey was created', 'The window was closed, or none came up. Nothing changed.'),
    timed_out: say('That took too long', 'So we stopped waiting. Nothing changed.'),
    already_here: say('Already set up here', 'This device already has a passkey for this account.'),
    key_unverified: say('This key can’t verify it’s you', 'Set a PIN on it, or use your phone. Nothing changed.'),
    incompatible: say(
      'This authenticator isn’t compatible',
      'It can’t make the kind of key that we accept. Use another device.',
    ),
    manager: say('Your password manager had a problem', 'It broke off the request. Nothing changed.'),
    our_setup: say('Something’s wrong on our side', 'We have set something up wrong. It isn’t your device.'),
    our_bug: say('Something’s wrong on our side', 'This page asked in a wrong way. It isn’t your device.'),
    not_used: say('No passkey used', 'The window was closed, or this device has no passkey for your account.'),
    removed: say(
      'This passkey isn’t ours any more',
      'It was removed from the account. Delete it from your password manager too.',
    ),
    expired: say('That request expired', 'Nothing changed. Let’s try once more.'),
    offline: say('You’re offline', 'Passkeys need a connection here. Nothing was sent.'),
    check_skipped: say(
      'Your password manager skipped the check',
      'It didn’t confirm that it’s you, so we can’t use it. Nothing changed.',
    ),
    unknown: say('That didn’t work', 'Your device gave a reason that we don’t know. Nothing changed.'),
  } satisfies Record<Cause, Words>,
  otherBrowser,

  /** Where a setting is: menus from the outside in, as the system names them. */
  paths: {
    android: ['Settings', 'Security', 'Screen lock'],
    windows: ['Settings', 'Accounts', 'Sign-in options', 'PIN'],
    apple: ['Settings', 'Your name', 'iCloud', 'Passwords & Keychain'],
    macos: ['System Settings', 'Your name', 'iCloud', 'Passwords & Keychain'],
    google: ['Settings', 'Passwords & accounts', 'Google'],
    chromeos: ['Settings', 'Security and privacy', 'Lock screen'],
  },
  onThisComputer: 'On this computer',
  onThisDevice: 'On this device',
  onYour: (device: string) => `On your ${device}`,

  /** What to look at, where no single setting is the cause. */
  lookAt: 'Look at these first',
  hints: {
    closed_early: [
      'A password manager is turned on.',
      'Browser and system are up to date.',
      'The window isn’t a private one.',
    ],
    manager: [
      'Update it, and on Android Google Play services too.',
      'Restart the device.',
      'Choose another manager when the window asks.',
    ],
    check_skipped: [
      'In its settings, turn on the unlock check for passkeys.',
      'Or choose another manager when the window asks.',
    ],
    not_used: [
      'New phone? Sign in to the same Apple or Google account, and try again.',
      'If the passkey is on another device, use that one.',
    ],
  } satisfies Partial<Record<Cause, string[]>>,
  /** A phone has none. */
  lid: 'The lid of the laptop is open.',
  goOn: 'How to get there',
  inAppSteps: (browser: string) => ['Copy the link.', `Open ${browser}.`, 'Paste the link, and go on there.'],
  noPrompt: 'Didn’t see a window?',
  noPromptApple: 'Turn on Passwords & Keychain for this device, then try again.',
  noPromptGoogle: 'Sign in to Google on this device, and update Google Play services.',
  noPromptOther: 'Turn your password manager on, and update this browser.',

  checks: {
    address: 'Secure address',
    browser: 'Browser',
    system: 'System',
    api: 'Passkey support',
    connection: 'Connection',
    lock: 'Screen lock',
    window: 'Own window',
    manager: 'Password manager',
    passkey: 'Passkey for this account',
    service: 'Our service',
  } satisfies Record<CheckId, string>,
  lockNames: { Windows: 'Windows Hello', macOS: 'Touch ID or password' } as Partial<Record<string, string>>,
  found: {
    yes: 'Yes',
    no: 'No',
    on: 'On',
    set: 'Set',
    off: 'Off',
    missing: 'Missing',
    online: 'Online',
    offline: 'Offline',
    tooOld: 'Too old',
    insecure: 'Not secure',
    inside: (app: string) => (app ? `Inside ${app}` : 'Inside another app'),
    framed: 'Inside another page',
    stopped: 'Stopped it',
    notFound: 'Not used',
    wrong: 'At fault',
    unknown: 'Unknown',
  },
  count: (n: number) => plural(n, { one: `${n} check`, other: `${n} checks` }),
  passed: (n: number) => plural(n, { one: `${n} passed`, other: `${n} passed` }),
  passedSome: (names: string[], more: number) => (more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ')),
  copyReport: 'Copy report',
  readReport: 'Read report',
  reportTitle: 'The report',
  reportLine: 'This, and nothing else, is what support gets of this device. Nothing has been sent.',
  reportDone: 'Close',

  stillFails: 'If it still fails',
  next: 'What next',
  update: 'Update',
  updateWhat: (browser: string, system: string) => [browser || 'this browser', system].filter(Boolean).join(' and '),
  tryAgain: 'Try again',
  tryWhere: {
    create: 'from the Passkey page',
    sign_in: 'from the sign-in page',
    confirm: 'from the withdrawal',
  },
  contact: 'Contact support',
  contactWith: 'with a screen recording.',
  start: 'Start a request',

  actions: {
    check_again: 'Check again',
    try_again: 'Try again',
    another_device: 'Use another device',
    use_codes: 'Use codes',
    copy_link: 'Copy link',
    open_https: 'Open the secure address',
    see_passkeys: 'See passkeys',
    support: 'Contact support',
    reload: 'Load again',
  } satisfies Record<Action, string>,
  create: 'Create passkey',
  checkedAgain: 'Checked again',

  happened: 'What happened',
  when: 'When',
  youWere: 'You were',
  doing: { create: 'Creating a passkey', sign_in: 'Signing in', confirm: 'Confirming a withdrawal' },
  stoppedAfter: 'Stopped after',
  seconds: (s: string) => `${s} s`,
  atOnce: 'under 0.1 s',
  reference: 'Reference',
  nothing: 'Nothing changed',
  nothingLine: 'Your account is as it was. You can go on with your codes.',
  nothingHappened: 'We opened no window and changed nothing.',
  reportHolds: 'What the report holds',
  reportHoldsLine: 'Time, error, browser and system. No e-mail, phone number or address.',
};
