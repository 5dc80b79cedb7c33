export default {
  title: 'Home',
  total: 'Total balance',
  demoValues: 'Demo values',
  safe: 'Safe, and only to look at',
  withdraw: 'Withdraw',
  paused: 'Paused',
  frozen: 'Frozen',
  assets: 'Assets',
  noAssets: 'No balance yet',
  noAssetsLine: 'What arrives on your account is listed here.',
  recent: 'Recent activity',
  nothingYet: 'Nothing has happened yet.',
  share: (percent: string) => `${percent} of the total`,

  // the offer of a first passkey
  offerTitle: 'Withdraw with one look or touch',
  offerLine: 'A passkey is opened by your face, fingerprint or screen lock, in place of codes.',
  offerDo: 'Set up a passkey',
  offerLater: 'Not now',

  // context column
  withdrawals: 'Withdrawals',
  blocked: 'Not yet',
  blockedLine: 'Add a second factor first',
  approveWith: 'Approve with',
  passkey: 'Passkey',
  on: 'On',
  off: 'Off',

  // frozen
  before: 'Before you unfreeze',
  beforeCount: (done: number, of: number) => `${done} of ${of}`,
  frozenSince: (when: string, by: string) =>
    by === 'link'
      ? `Since ${when}, by the e-mail’s link. Nothing can be withdrawn.`
      : `Since ${when}. Nothing can be withdrawn.`,
  frozenLine: 'Nothing can be withdrawn.',
  signedOut: 'All devices signed out',
  signedOutLine: 'Done when you froze',
  stopped: (n: number) => (n === 1 ? '1 withdrawal stopped' : `${n} withdrawals stopped`),
  stoppedNone: 'No withdrawal was open',
  stoppedLine: 'What was requested, or approved and not handed over',
  done: 'Done',
  check: 'Check what changed',
  checkLine: 'Look for what wasn’t you',
  look: 'Look',
  password: 'Reset your password',
  passwordLine: 'If somebody may know it',
  reset: 'Reset',
  start: 'Start unfreezing',
  startNote: 'Takes your password and all your codes. Withdrawals then stay paused for 72 hours.',
  means: 'Frozen means',
  means1: 'No withdrawals',
  means2: 'No changes to passkeys or factors',
  means3: 'Balances stay as they are',
  means4: 'You can sign in and look',
};
