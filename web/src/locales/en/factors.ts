import { plural } from '$lib/i18n/index.svelte';
import type { FactorKind } from '$lib/api/types';

type Each = Record<FactorKind, string>;

export default {
  title: { email: 'E-mail', phone: 'Phone', authenticator: 'Authenticator app' } satisfies Each,
  security: 'Security',
  lower: { email: 'e-mail', phone: 'phone', authenticator: 'authenticator app' } satisfies Each,
  since: (day: string) => `Added ${day}`,
  on: 'On',
  what: {
    email: 'Codes and security alerts go to this address. Every account has one, so it can be replaced, not removed.',
    phone: 'Codes go to this number by text message.',
    authenticator: 'Your app makes a new code every 30 seconds, without a connection.',
  } satisfies Each,
  usedFor: 'What it is used for',
  used: {
    signIn: 'Signing in with codes',
    withdraw: 'Withdrawals and changes, with all your codes',
    passkey: 'Passkeys that approve withdrawals',
  },
  replace: { email: 'Replace e-mail', phone: 'Replace phone', authenticator: 'Replace app' } satisfies Each,
  remove: { email: '', phone: 'Remove phone', authenticator: 'Remove app' } satisfies Each,

  // add
  add: {
    email: 'Add your e-mail',
    phone: 'Add your phone',
    authenticator: 'Add your authenticator app',
  } satisfies Each,
  addLede: {
    email: '',
    phone: 'We text a 6-digit code to it. Your carrier may charge for messages.',
    authenticator: 'Google Authenticator, or any other app that shows 6-digit codes.',
  } satisfies Each,
  newTitle: { email: 'Your new e-mail', phone: 'Your new phone', authenticator: '' } satisfies Each,
  newLede: {
    email: 'We send a 6-digit code to it. The old address is told of changes for 30 more days.',
    phone: 'We text a 6-digit code to it. Your carrier may charge for messages.',
    authenticator: '',
  } satisfies Each,
  country: 'Country',
  countrySearch: 'Country or code',
  countryNear: 'Near you',
  countryAll: 'All countries',
  countryNone: 'No country fits.',
  countryChosen: 'chosen',
  number: 'Number',
  numberHint: 'Without the first 0. A number that gets texts, not a landline.',
  numberWrong: 'That doesn’t look like a phone number.',
  address: 'New e-mail address',
  addressWrong: 'That doesn’t look like an e-mail address.',
  goOn: 'Go on',
  textHead: 'What the text looks like',
  text: (brand: string) => `${brand} code to add this phone:`,
  textEnd: 'Never share it.',
  textNote: 'The last line lets your phone fill in the code only on our real site.',
  appSteps: 'How it goes',
  appStep1: (n: number) => (n === 1 ? 'Confirm your e-mail code and password' : 'Confirm the codes you already have'),
  appStep2: 'Scan the key with your app, or open it on this phone',
  appStep3: 'Enter the code that the app shows',
  appNeed: 'You need an app',
  appNeedLine: 'Install one first if you have none. Any that shows 6-digit codes will do.',
  step: { email: 'Address', phone: 'Number', authenticator: 'The app' } satisfies Each,
  stepDone: 'Done',
  bindSentence: {
    email: '',
    phone: 'To add your phone, confirm what you already have.',
    authenticator: 'To add your app, confirm what you already have.',
  } satisfies Each,
  replaceSentence: {
    email: 'To replace your e-mail, confirm that it’s you.',
    phone: 'To replace your phone, confirm that it’s you.',
    authenticator: 'To replace your app, confirm that it’s you.',
  } satisfies Each,
  removeSentence: {
    email: '',
    phone: 'To remove your phone, confirm that it’s you.',
    authenticator: 'To remove your app, confirm that it’s you.',
  } satisfies Each,
  noHoldHead: 'No hold',
  noHoldLine: 'Adding this pauses nothing. Replacing it later pauses withdrawals for a while.',
  lostHead: 'Lost the old one?',
  lostLine: {
    email: 'Verify with a passkey: it takes no code from the old address.',
    phone: 'Verify with a passkey: it takes no code from the old number.',
    authenticator: 'Verify with a passkey: it takes no code from the old app.',
  } satisfies Each,
  yours: 'Your factors',

  // before a change
  beforeReplace: {
    email: 'Before you replace your e-mail',
    phone: 'Before you replace your phone',
    authenticator: 'Before you replace your authenticator app',
  } satisfies Each,
  beforeRemove: {
    email: '',
    phone: 'Before you remove your phone',
    authenticator: 'Before you remove your authenticator app',
  } satisfies Each,
  beforeLede: 'Read what it means. Nothing has changed yet.',
  pauseTitle: (hours: number) =>
    `Withdrawals pause for ${plural(hours, { one: `${hours} hour`, other: `${hours} hours` })}`,
  pauseFrom: 'From the moment this is done. Done now, they open again',
  pauseAbout: (day: string, time: string) => `${day}, about ${time}`,
  pauseNobody: 'Nobody can shorten it, you included.',
  stops: 'What stops',
  stopsWithdrawals: (hours: number) => `Withdrawals, for ${hours} hours`,
  stopsCodes: {
    email: 'Codes to the old address, at once',
    phone: 'Codes to the old number, at once',
    authenticator: 'Codes from the old app, at once',
  } satisfies Each,
  stopsPasskeys: 'Approving withdrawals by passkey, until you add it again and choose which passkeys may',
  stopsAll: 'All withdrawals, until you have two factors again',
  stopsCreating: 'Creating passkeys, until you have two factors again',
  stopsSessions: 'Your sessions on other devices',
  goesOn: 'What goes on',
  goesSignIn: 'Signing in',
  goesSignInPasskey: 'Signing in, also by passkey',
  goesPasskeys: 'Your passkeys stay',
  goOnVerify: 'Go on and verify',
  keep: {
    email: 'Keep the address I have',
    phone: 'Keep the number I have',
    authenticator: 'Keep the app I have',
  } satisfies Each,
  keepIt: 'Keep it',
  howHead: 'How it goes',
  how1: 'What it means',
  how2: 'Verify with a passkey, or with all codes',
  how3: {
    email: 'Confirm the new address',
    phone: 'Confirm the new number',
    authenticator: 'Set up the new app',
  } satisfies Each,
  how4: (hours: number) => `${hours} hours without withdrawals`,
  whyHead: 'Why the pause',
  whyLine:
    'Someone who gets into an account changes a factor first. The pause gives you time to see our e-mail and freeze.',

  // which passkeys gain power
  powerStep: 'Choose passkeys',
  powerTitle: 'Which passkeys may approve withdrawals?',
  powerLede:
    'The last step: it is added once you choose. These passkeys were made before, and only sign you in so far.',
  powerHead: 'May approve withdrawals',
  powerLine: 'Choose only those you know.',
  powerDo: 'Finish',

  // done
  added: { email: 'E-mail added', phone: 'Phone added', authenticator: 'Authenticator app added' } satisfies Each,
  replaced: {
    email: 'E-mail replaced',
    phone: 'Phone replaced',
    authenticator: 'Authenticator app replaced',
  } satisfies Each,
  removed: { email: '', phone: 'Phone removed', authenticator: 'Authenticator app removed' } satisfies Each,
  doneLede: 'We e-mailed you about it, in case it wasn’t you. Other devices were signed out.',
  doneHold: (until: string) => `Withdrawals are paused until ${until}.`,
  doneNextPasskey: 'Create a passkey',
  done: 'Done',

  // password
  password: 'Password',
  passwordTitle: 'Change your password',
  passwordLede: 'It is asked when you sign in with codes, never alone.',
  passwordNew: 'New password',
  passwordHint: (least: number) => `${least} characters or more. A few words work well.`,
  passwordShort: (least: number) => `Use ${least} characters or more.`,
  passwordGo: 'Go on and verify',
  passwordName: 'Change the password',
  passwordSentence: 'To change your password, confirm that it’s you.',
  passwordDone: 'Password changed. Other devices were signed out.',
  passwordForgotHead: 'Forgotten the old one?',
  passwordForgotLine: 'It isn’t asked here: your codes or a passkey confirm it’s you.',
};
