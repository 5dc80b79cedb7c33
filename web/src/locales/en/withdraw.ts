import type { FactorKind, Hold, Withdrawal } from '$lib/api/types';

const factorName: Record<FactorKind, string> = {
  email: 'e-mail',
  phone: 'phone',
  authenticator: 'authenticator app',
};

const and = (parts: string[]) =>
  parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1) ?? ''}` : (parts[0] ?? '');

/** "Today, 14:31" within a sentence. */
const inLine = (when: string) => when.charAt(0).toLowerCase() + when.slice(1);

/** 1, 2, 3, 8 becomes "1 to 3 and 8". */
function spans(numbers: number[]): string {
  const runs: number[][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last?.at(-1) === n - 1) last.push(n);
    else runs.push([n]);
  }
  return and(runs.flatMap((run) => (run.length > 2 ? [`${run[0] ?? ''} to ${run.at(-1) ?? ''}`] : run.map(String))));
}

export default {
  title: 'Withdraw',

  // the form
  asset: 'Asset',
  free: (amount: string) => `${amount} free`,
  network: 'Network',
  feeAndTime: (fee: string, asset: string, minutes: number) => `Fee ${fee} ${asset}, ${minutes} min`,
  to: 'To',
  addressPlaceholder: 'Paste the address',
  editAddress: 'Change the address',
  saved: 'Saved',
  savedTitle: 'Saved addresses',
  savedNone: (network: string) => `No saved address for ${network} yet.`,
  savedLine: (network: string) => `Addresses on ${network}`,
  memo: 'Memo',
  memoHint: 'Only if the recipient gave you one. Without it, an exchange may not know whose it is.',
  amount: 'Amount',
  max: 'Max',
  maxLabel: 'Take the whole balance',
  about: (fiat: string) => `about ${fiat}`,
  aboutDemo: (fiat: string) => `about ${fiat} (demo)`,
  fee: 'Network fee',
  receive: 'They receive',
  review: 'Review',
  checking: 'Checking the address',
  addressKnown: {
    saved: (label: string, network: string) => `Saved as “${label}”. A ${network} address.`,
    used: (network: string) => `You sent here before. A ${network} address.`,
    new: (network: string) => `A ${network} address that is new to you.`,
  },
  addressLookalike: (label: string) =>
    label
      ? `Not “${label}”, but it looks like it. The next page shows where.`
      : 'Not the address you used before, but it looks like it. The next page shows where.',
  addressWrong: (network: string) => `Not a ${network} address. Check it, or choose another network.`,
  addressOther: (other: string) => `This is an address on ${other}.`,
  takeNetwork: (other: string) => `Choose ${other}`,
  addressEmpty: 'Paste or choose an address.',
  amountProblem: {
    empty: 'Enter an amount.',
    comma: 'Use a point for decimals and no thousands signs, such as 1250.5.',
    shape: 'Use digits, such as 250.5.',
    zero: 'Enter more than 0.',
  },
  amountDecimals: (asset: string, decimals: number) => `${asset} has ${decimals} decimal places at most.`,
  amountTooMuch: (available: string) => `You have ${available}.`,
  amountTooLittle: (minimum: string) => `The least on this network is ${minimum}.`,
  amountFee: 'The fee would take all of it.',
  unanswered: 'Press Review again. Should both arrive, it is still one request.',
  noAssets: 'Nothing to withdraw yet',
  noAssetsLine: 'Once your account holds something, you can send it from here.',

  // beside the form
  sideState: 'Withdrawals',
  open: 'Open',
  noHold: 'No hold',
  approveWith: 'Approve with',
  passkey: 'Passkey',
  sideSaved: 'Saved addresses',
  addressBook: 'Address book',
  past: 'Your withdrawals',

  // the slip
  check: 'Check and confirm',
  send: 'Send',
  toLabel: 'To',
  newAddress: 'A new address',
  usedAddress: 'Used before',
  chipSaved: 'Saved',
  chipUsed: 'Used before',
  chipNew: 'New',
  rowNetwork: 'Network',
  rowAmount: 'Amount',
  rowFee: 'Fee',
  rowReceive: 'They receive',
  rowMemo: 'Memo',
  requested: 'Requested',
  yourCountersign: 'Your countersign',
  waitingForYou: 'Waiting for you',
  beingChecked: 'Being checked',
  countersigned: 'Countersigned',
  byPasskey: (name: string, time: string) => (name ? `Passkey “${name}”, ${time}` : `Passkey, ${time}`),
  byCodes: (time: string) => `Codes, ${time}`,
  who: (name: string, when: string) => `${name}, ${inLine(when)}`,
  firstTime: 'First time sending here',
  firstTimeLine: 'Check every group. A withdrawal can’t be called back.',
  waits: (when: string) => `New address, ready at ${when}`,
  waitsLine: 'New addresses wait. Until then nothing can go here.',
  expires: (time: string) => `Expires at ${time}`,
  confirmPasskey: 'Confirm with passkey',
  confirmCodes: 'Confirm with codes',
  useCodes: 'Use codes instead',
  cancelIt: 'Cancel withdrawal',
  cancelled: 'Withdrawal cancelled',
  another: 'Choose another address',
  waitingAnnounced: 'Waiting for your device. Nothing is sent until you confirm there.',

  whyNoPasskey: {
    factors_incomplete: 'A passkey approves withdrawals once e-mail, phone and authenticator app are all added.',
    no_passkey: 'With a passkey, one scan does instead of codes.',
    passkey_without_power: 'Your passkeys only sign you in.',
    unsupported: 'This browser can’t use passkeys.',
  },
  createPasskey: 'Create a passkey',

  sideSigned: 'What you see is what is signed',
  sideSignedLine:
    'Your passkey signs exactly these lines. If one character changes, the approval no longer fits and nothing is sent.',
  sideCheck: 'Check the address',
  sideCheckLine: 'Read every group, not only the first and the last. Someone may send you a look-alike.',
  sideExpires: 'Expires',
  today: 'today',
  sideNew: 'New address',
  sideNewLine: 'You have not sent anything here before, and it is not in your address book.',
  saveFirst: 'Save it first',
  sideDevice: 'On your device',
  sideDeviceLine:
    'A window of your device asks for your face, fingerprint or screen lock. Nothing is sent until you confirm there.',
  sideNoWindow: 'No window?',
  sideNoWindowLine: 'Cancel and confirm again, or use codes.',

  // look-alike
  lookalike: 'Look-alike',
  lookalikeTitle: (label: string) =>
    label ? 'This is not your saved address' : 'This is not the address you used before',
  lookalikeLine: (differ: number, of: number) =>
    `${differ} of ${of} groups differ. It may be in your history so that you copy it.`,
  entered: 'You entered',
  likeEntry: (label: string) => (label ? 'Saved' : 'Used before'),
  same: 'same',
  differ: (groups: number[]) =>
    groups.length === 1 ? `Group ${spans(groups)} differs` : `Groups ${spans(groups)} differ`,
  differNot: (groups: number[]) =>
    groups.length === 1
      ? `Group ${spans(groups)} is not`
      : `Groups ${groups.length > 4 ? spans(groups) : and(groups.map(String))} are not`,
  alike: (groups: number[]) =>
    groups.length === 1 ? `Group ${spans(groups)} is the same` : `Groups ${spans(groups)} are the same`,
  pair: (n: number, entered: string, saved: string) => `Group ${n}: you entered ${entered}, the other is ${saved}`,
  mean: 'I mean the address I entered',
  meanLine: 'I checked it with the person I pay.',
  useSaved: (label: string) => (label ? `Use “${label}”` : 'Use the one used before'),
  tickAbove: 'Tick above to use the other',
  goOn: 'Continue with what I entered',
  sideHow: 'How this happens',
  sideHowLine:
    'Addresses can be made that begin and end like yours. They are sent to you so that they show up in your history.',
  sideDiffers: 'What differs',
  sideNothing: 'Nothing was sent',
  sideNothingLine: 'Copy addresses from your address book, or from the person, never from your history.',

  // not confirmed
  notConfirmed: 'Not confirmed',
  notConfirmedLine: 'The window of your device was closed, or found no passkey.',
  nothingSent: 'Nothing was sent.',
  staysOpen: (time: string) => `The request stays open until ${time}.`,
  otherPhone: 'Use another phone',
  otherPhoneLine: 'Scan a QR code with it',
  codesRow: 'Use codes instead',
  codesRowLine: (factors: FactorKind[]) =>
    `From ${and(factors.map((kind) => ({ email: 'e-mail', phone: 'SMS', authenticator: 'app' })[kind]))}`,
  checkDevice: 'Check this device',
  checkDeviceLine: 'Why no window came up, and what mends it',
  confirmAgain: 'Confirm again',

  // codes
  codesTitle: 'Confirm with codes',
  codesSentence: 'Codes stand for your countersign.',
  codesAction: (n: number) => (n === 1 ? 'Confirm with the code' : `Confirm with ${n} codes`),
  exactly: 'You are confirming exactly this',
  openUntil: (time: string) => `Open until ${time}. Nothing is sent before the codes match.`,
  theyReceive: 'They receive',

  // the answer got lost
  weCheck: 'We’re checking',
  weCheckLine: 'Your confirmation may have gone through. Don’t repeat it.',
  weCheckNow: 'We ask every few seconds and show you here what became of it.',
  lostTitle: 'Not confirmed yet',
  lostLine: 'The answer got lost on the way. Nothing was sent. You can confirm again.',

  // details changed
  changed: 'Details changed',
  changedLine: 'Between your review and your confirmation, something below changed. What you reviewed no longer fits.',
  same_: 'Same',
  reviewNew: 'Review the new details',
  approvalVoid: 'Not countersigned',
  sideWhyStopped: 'Why it stopped',
  sideWhyStoppedLine: 'An approval is for exactly what you saw. Other details are another withdrawal.',
  sideChanged: 'What changed',

  // closed
  expiredTitle: 'This request expired',
  expiredLine: (minutes: number, time: string) => `It was open for ${minutes} minutes, until ${time}.`,
  expiredEnd: 'Nobody can confirm it any more.',
  notPaidTitle: 'This was not paid in time',
  notPaidLine: (approved: string, ended: string) =>
    `You approved it ${inLine(approved)}, and its time ended ${inLine(ended)}, before it was handed over.`,
  cancelledTitle: 'This withdrawal was cancelled',
  cancelledLine: (when: string) => `Cancelled ${inLine(when)}.`,
  frozenAfter: (approved: string, frozen: string) =>
    `You approved it ${inLine(approved)}. The account was frozen ${inLine(frozen)}, before it was handed over.`,
  balanceKept: 'Your balance is as it was.',
  declinedTitle: 'This withdrawal was declined',
  declinedLine: (business: string, when: string) => `${business} declined it ${inLine(when)}.`,
  askWhy: 'Ask why',
  notCountersigned: 'Not countersigned',
  wasCountersigned: 'Approval void',
  closedAt: (when: string) => `Closed ${inLine(when)}`,
  startAgain: 'Start again',
  startAgainLine: 'Address and amount are filled in again. The fee is asked anew.',
  leave: 'Leave it',
  sideWhyExpire: 'Why requests expire',
  sideWhyExpireLine:
    'The fee holds for a short time. An open request is also one more thing that could be confirmed by mistake.',

  // the receipt
  receipt: 'Receipt',
  approved: 'Approved',
  toName: (label: string) => `to ${label}`,
  toNew: 'to a new address',
  toUsed: 'to an address you used before',
  approvedLine: 'To be handed over',
  handedLine: 'Handed over to be paid',
  fingerprint: 'Fingerprint of the proof',
  copyFingerprint: 'Copy the fingerprint',
  done: 'Done',
  saveProof: 'Save proof',
  proofSaved: 'Proof saved',
  sideWhere: 'Where it is',
  sideHappened: 'What happened',
  whereRequested: 'Requested',
  whereApproved: 'Approved',
  whereHanded: 'Handed over',
  whereHandedNext: 'To the payout system',
  sideSeal: 'The seal',
  sideSealLine:
    'It is drawn from the proof’s fingerprint, so that you recognise it. To check a proof, compare the fingerprint.',

  // two of three
  approve: 'Approve',
  blockedTitle: (missing: FactorKind[]) =>
    `Add your ${and(missing.map((kind) => factorName[kind]))} to withdraw with a passkey`,
  blockedLine: (have: number) => `You have ${have} of 3. Your passkey still signs you in. Nothing was sent.`,
  blockedAllTitle: 'Add a second factor to withdraw',
  blockedAllLine: (have: number) =>
    `You have ${have} of 3. Withdrawing takes two at least, and all three with a passkey.`,
  factor: { email: 'E-mail', phone: 'Phone', authenticator: 'Authenticator app' } satisfies Record<FactorKind, string>,
  since: (date: string) => `Since ${date}`,
  aMinute: 'Takes about a minute',
  addFactor: { email: 'Add e-mail', phone: 'Add phone', authenticator: 'Add authenticator app' } satisfies Record<
    FactorKind,
    string
  >,
  withCodes: 'Withdraw with codes',
  sideAllThree: 'Why all three?',
  sideAllThreeLine: 'A passkey replaces three codes at once, so all three must be yours first.',
  sideWithout: 'Without it',
  sideWithoutLine: (bound: FactorKind[]) =>
    `Codes from your ${and(bound.map((kind) => factorName[kind]))} can still withdraw.`,

  // a hold
  opensIn: 'Opens in',
  openNow: 'Open now',
  pausedUntil: (time: string) => `Withdrawals paused until ${time}`,
  because: {
    factor_replaced: 'Because a factor was replaced.',
    factor_unbound: 'Because a factor was removed.',
    password_reset: 'Because your password was reset.',
    second_factor: 'Because a second factor was added.',
    unfrozen: 'Because your account was unfrozen.',
    support: 'Because support paused them.',
  } satisfies Record<Hold['reason'], string>,
  cantShorten: 'It can’t be shortened, by you or by anyone with your phone.',
  happened: {
    factor_replaced: 'Factor replaced',
    factor_unbound: 'Factor removed',
    password_reset: 'Password reset',
    second_factor: 'Second factor added',
    unfrozen: 'Account unfrozen',
    support: 'Paused by support',
  } satisfies Record<Hold['reason'], string>,
  paused: 'Withdrawals paused',
  pausedGoesOn: 'Signing in and reading go on as usual',
  opens: 'Withdrawals open',
  wasntYou: 'Wasn’t you? Freeze account',
  sidePauses: 'What pauses withdrawals',
  pauses: [
    ['Factor replaced or removed', '24 h'],
    ['Password reset', '24 h'],
    ['Account unfrozen', '72 h'],
    ['Passkey created', 'None'],
  ] as [string, string][],
  withdrawAgain: 'Withdraw',

  // frozen
  frozenTitle: 'Your account is frozen',
  frozenLine: 'Nothing can be withdrawn until you unfreeze it. That takes your password and all your codes.',
  unfreeze: 'Start unfreezing',

  // the list
  historyTitle: 'Your withdrawals',
  historyEmpty: 'No withdrawals yet',
  historyEmptyLine: 'What you send shows here, with its proof.',
  rowTo: (amount: string, to: string) => `${amount} to ${to}`,
  stateWord: {
    requested: 'Waiting for you',
    approved: 'Approved',
    handed_over: 'Handed over',
    declined: 'Declined',
    cancelled: 'Cancelled',
    expired: 'Expired',
  } satisfies Record<Withdrawal['state'], string>,
  notPaid: 'Not paid in time',
  sideStates: 'What the states mean',
  states: [
    ['Waiting for you', 'Requested. It expires after 10 minutes.'],
    ['Approved', 'You confirmed it. It waits for the payout system.'],
    ['Handed over', 'The payout system took it, once, with exactly these details.'],
    ['Declined', 'It was refused before you approved it.'],
    ['Cancelled', 'By you, or by a freeze before it was handed over.'],
    ['Expired', 'It was not confirmed in its time.'],
    ['Not paid in time', 'Approved, and not handed over in its time. Your balance is as it was.'],
  ] as [string, string][],
  sideChain: 'On the network',
  sideChainLine: 'When a transfer arrives is up to its network, so we don’t claim it here.',
};
