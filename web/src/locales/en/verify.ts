import { plural } from '$lib/i18n/index.svelte';
import type { FactorKind } from '$lib/api/types';

const words = ['no', 'one', 'two', 'three'];

export default {
  title: 'Verify it’s you',
  kicker: 'Confirming',

  // by passkey
  byPasskey: 'Confirm with a passkey',
  byPasskeyLine: 'Your device asks for your face, fingerprint or screen lock.',
  usePasskey: 'Use a passkey instead',
  useCodes: 'Use codes instead',
  passkeyClosed: 'Not with a passkey this time',
  passkeyClosedFactors: 'A passkey is enough once e-mail, phone and authenticator app are all added.',
  passkeyClosedHold: 'Withdrawals are paused, so codes are asked.',
  passkeyClosedPower: 'Your passkeys only sign you in. Codes do the rest.',

  // by codes
  emailCode: 'E-mail code',
  phoneCode: 'SMS code',
  authenticatorCode: 'Authenticator code',
  anyCode: '6-digit code',
  sentTo: 'Sent to',
  goesTo: 'Goes to',
  fromApp: 'From your authenticator app',
  anyHint: 'From your app, a text message or an e-mail.',
  send: 'Send code',
  sendAgain: 'Send again',
  againIn: (left: string) => `Again in ${left}`,
  sendCodes: (n: number) => plural(n, { one: 'Send the code', other: 'Send the codes' }),
  sent: 'Code sent',
  verify: 'Verify',
  confirmAll: (n: number) =>
    n === 1 ? 'One code is enough.' : n === 2 ? 'Both codes must match.' : 'All three codes must match.',
  keptSome: (n: number) => (n === 1 ? 'The one that matches is kept.' : `The ${words[n] ?? n} that match are kept.`),
  matching: (matched: number, of: number) => `${matched} of ${of} codes match`,
  codesStep: (n: number) => (n === 1 ? 'One code' : n === 2 ? 'Two codes' : 'Three codes'),
  orPasskey: 'Or a passkey',
  neverAskShort: 'We never ask for these codes by phone or chat.',
  neverAsk: 'We never ask for these codes by phone or chat. Someone who does is not from us.',
  cantGet: 'Can’t get a code?',
  password: 'Password',
  passwordMatches: 'Your password matches.',
  passwordWrong: 'That isn’t your password.',

  wrong: (left: string) => `Doesn’t match. ${left}`,
  expired: 'That code expired. Send a new one.',
  used: 'Already used. Wait for the next code.',
  notSent: 'Enter all 6 digits.',
  refused: 'That didn’t match. Check the password and the code.',

  // help
  helpTitle: 'Can’t get a code?',
  helpEmail: 'E-mail',
  helpEmailLine: 'Look in spam. It can take a minute. Then send it again.',
  helpPhone: 'Text message',
  helpPhoneLine: 'Check your signal. It can take a minute. Then send it again.',
  helpAuthenticator: 'Authenticator app',
  helpAuthenticatorLine: 'Turn on automatic date and time on your phone: the codes follow its clock.',
  ok: 'Got it',

  // a new factor
  newEmailTitle: 'Confirm your new e-mail',
  newPhoneTitle: 'Confirm your phone',
  newAuthenticatorTitle: 'Set up your authenticator app',
  newEmailLine: 'We sent a code to the new address.',
  newPhoneLine: 'We sent a code to the new number.',
  newAuthenticatorLine: 'Google Authenticator, or any other app that shows 6-digit codes.',
  newStep: {
    email: 'Code from the new e-mail',
    phone: 'Code from the new number',
    authenticator: 'Set up the app',
  } satisfies Record<FactorKind, string>,
  newDone: { email: 'Confirm e-mail', phone: 'Confirm phone', authenticator: 'Confirm app' } satisfies Record<
    FactorKind,
    string
  >,
  scanTitle: 'Scan with the app',
  scanLine: 'On this computer? Open the app on your phone and point it at the code.',
  openApp: 'Open in authenticator app',
  otherDevice: 'On another device?',
  otherDeviceLine: 'Scan this with the app there.',
  qrLabel: 'QR code for your authenticator app. The key beside it says the same.',
  key: 'Key, shown once',
  copy: 'Copy',
  copyKey: 'Copy the key',
  codeFromApp: 'Code from the app',
  changes: 'It changes every 30 seconds.',
  hours: (n: number) => plural(n, { one: `${n} hour`, other: `${n} hours` }),
  holdAfter: (span: string) => `When this is done, withdrawals pause for ${span}.`,

  // which passkeys stay
  madeOn: (day: string) => `made ${day}`,
  keepAll: (n: number) => `Keep all ${n} passkeys`,
  keepAllLine: 'You still hold every one of them.',

  // the end
  startAgain: 'Start again',
  closeIt: 'Close',
  doneStep: 'Done',
};
