import type { FactorKind, Hold } from '$lib/api/types';

/** What several pages say about the state of the account. */
export default {
  /** "Codes from e-mail, SMS and app": what a withdrawal by codes takes. */
  codesFrom: (bound: FactorKind[]) => {
    const names = bound.map((kind) => ({ email: 'e-mail', phone: 'SMS', authenticator: 'app' })[kind]);
    return names.length > 1 ? `Codes from ${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}` : 'Codes';
  },
  holdTitle: 'Withdrawals paused',
  holdLine: (until: string, reason: Hold['reason']) =>
    `Until ${until}. ${
      {
        factor_replaced: 'A factor was replaced.',
        factor_unbound: 'A factor was removed.',
        password_reset: 'Your password was reset.',
        second_factor: 'A second factor was added.',
        unfrozen: 'Your account was unfrozen.',
        support: 'Support paused them.',
      }[reason] ?? 'Something changed.'
    }`,
  holdWhy: 'Why?',
  holdFreeze: 'Wasn’t you? Freeze account',
  holdHead: 'Withdrawals',
  holdPaused: 'Paused',
  holdUntil: (until: string) => `until ${until}`,
  holdLeft: (left: string, of: string) => `${left} left of ${of}`,
  whyTitle: 'Why withdrawals are paused',
  whyLine:
    'Someone who gets into an account changes a factor first. The pause gives you time to see our e-mail and freeze.',
  whyUntil: (until: string) => `Withdrawals open again at ${until}.`,
  whyNobody: 'Nobody can shorten it, you included.',
  whyRest: 'Signing in and everything else goes on.',

  frozenTitle: 'Your account is frozen',
  frozenLine: 'Nothing can be withdrawn or changed.',
  frozenStart: 'Start unfreezing',

  open: 'Open',
  openLine: 'No hold on your account',
  wrongHead: 'Something wrong?',
  wrongLine: 'Freezing stops every withdrawal at once. You can undo it later with all your codes.',
  freeze: 'Freeze account',
  whyWeAskHead: 'Why we ask',
  whyWeAskLine:
    'Signing in, withdrawing and changing your security settings are the only times we check it’s you. Opening the app asks for nothing.',
  until: (time: string, day: string) => `${time}, ${day}`,
};
