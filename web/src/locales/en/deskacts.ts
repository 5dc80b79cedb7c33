const kinds: Record<string, string> = {
  'account.created': 'Account created',
  'account.frozen': 'Account frozen',
  'account.unfrozen': 'Account unfrozen',
  login: 'Signed in',
  logout: 'Signed out',
  'login.refused': 'Sign-in stopped',
  'codes.wrong': 'Wrong codes',
  'passkey.created': 'Passkey created',
  'passkey.deleted': 'Passkey deleted',
  'passkey.renamed': 'Passkey renamed',
  'passkey.suspended': 'Passkey suspended',
  'passkey.refused': 'Passkey refused',
  'factor.bound': 'Factor added',
  'factor.replaced': 'Factor replaced',
  'factor.unbound': 'Factor removed',
  'password.changed': 'Password changed',
  'password.reset': 'Password reset',
  'phrase.set': 'Phrase set',
  'sessions.ended': 'Sessions ended',
  'address.saved': 'Address saved',
  'address.deleted': 'Address deleted',
  'withdrawal.requested': 'Withdrawal requested',
  'withdrawal.approved': 'Withdrawal approved',
  'withdrawal.handed_over': 'Withdrawal handed over',
  'withdrawal.declined': 'Withdrawal declined',
  'withdrawal.cancelled': 'Withdrawal cancelled',
  'withdrawal.expired': 'Withdrawal expired',
  'hand_over.refused': 'Payout system refused',
  'account.erased': 'Account erased',
  'desk.account_found': 'Found at the desk',
  'desk.account_seen': 'Seen at the desk',
  'desk.events_seen': 'Older events seen at the desk',
  'desk.sessions_ended': 'All sessions ended at the desk',
  'desk.hold': 'Hold put on at the desk',
  'desk.recording_seen': 'Recording played at the desk',
  'desk.ticket': 'Request read at the desk',
  'desk.ticket_assigned': 'Request assigned',
  'desk.ticket_answered': 'Request answered',
  'desk.ticket_state': 'Request resolved or reopened',
  'ticket.opened': 'Request opened',
  'ticket.message': 'Customer wrote',
  'recording.made': 'Recording uploaded',
  'recording.refused': 'Recording refused',
  'recording.deleted': 'Recording deleted by its owner',
  'recording.expired': 'Recording deleted, its time was over',
};

/** How a withdrawal ended, by what the log has as `by`. */
const ends: Record<string, string> = {
  customer: 'by the customer',
  freeze: 'by the freeze',
  business: 'by the business',
  deadline: 'not confirmed in time',
  hand_over: 'approved, but not handed over in time',
};

/** Why a payout system was refused, by the problem's code. */
const refusedHandOvers: Record<string, string> = {
  details_mismatch: 'not what was approved',
  withdrawal_not_approved: 'not approved, or not any more',
  approval_invalid: 'the stored proof does not hold',
  idempotency_mismatch: 'its idempotency key is another withdrawal’s',
};

const ways: Record<string, string> = { passkey: 'by passkey', codes: 'with codes' };

const logKinds: Record<string, string> = {
  'desk.signed_in': 'Signed in',
  'desk.signed_out': 'Signed out',
  'desk.sign_in_refused': 'Sign-in refused',
  'desk.invitation_accepted': 'Accepted the invitation',
  'desk.invitation_refused': 'Invitation refused',
  'desk.refused': 'Tried what the role does not allow',
  'desk.tickets': 'Looked at the queue',
  'desk.ticket': 'Read a request',
  'desk.ticket_assigned': 'Assigned a request',
  'desk.ticket_answered': 'Answered a request',
  'desk.ticket_state': 'Resolved or reopened a request',
  'desk.templates': 'Looked at the templates',
  'desk.recording_seen': 'Played a recording',
  'desk.account_found': 'Looked for an account',
  'desk.account_seen': 'Looked at an account',
  'desk.events_seen': 'Looked at older events',
  'desk.sessions_ended': 'Ended a customer’s sessions',
  'desk.hold': 'Put withdrawals on hold',
  'desk.check_run': 'Checked the installation',
  'desk.test_mail': 'Sent a test mail',
  'desk.numbers_seen': 'Looked at the numbers',
  'desk.log_seen': 'Looked at the log',
  'desk.operators_seen': 'Looked at the team',
  'desk.operator_invited': 'Invited an operator',
  'desk.operator_role': 'Changed a role',
  'desk.operator_ended': 'Ended an operator’s access',
  'api_key.created': 'Made an API key',
  'api_key.revoked': 'Revoked an API key',
};

const rules: Record<string, string> = {
  hold_factor_replaced: 'Hold after a factor is replaced',
  hold_factor_unbound: 'Hold after a factor is removed',
  hold_password_reset: 'Hold after a password reset',
  hold_second_factor: 'Hold after a second factor',
  hold_unfrozen: 'Hold after unfreezing',
  new_address_wait: 'Wait of a new address',
  user_verification: 'Device check',
  passkey_for_login: 'Passkey signs in',
  passkey_for_withdrawal_approve: 'Passkey approves withdrawals',
};

/** How a rule's value is said, where it is no span of time. */
const values: Record<string, string> = {
  '0 h': 'None',
  no: 'No',
  any: 'Any passkey',
  required: 'Always',
  'with withdrawal power': 'With withdrawal power',
};

/** "ticket.resolved" where nothing better is known: "Ticket resolved". */
export function plain(kind: string): string {
  return capital(kind.replace(/^desk\./, '').replace(/[._]/g, ' '));
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What an account's timeline says of a withdrawal beside its kind: how much, and how it came to it. */
function ofWithdrawal(kind: string, data: Record<string, string>): string {
  const { amount, asset, way = '', by = '', code = '' } = data;
  return capital(
    [
      amount && `${amount} ${asset ?? ''}`,
      ways[way],
      ends[by],
      kind === 'hand_over.refused' && (refusedHandOvers[code] ?? code),
    ]
      .filter(Boolean)
      .join(', '),
  );
}

export default {
  ofWithdrawal,
  byKey: (id: string) => `key ${id}`,
  kind: (kind: string) => kinds[kind] ?? plain(kind),
  logKind: (kind: string) => logKinds[kind] ?? plain(kind),
  /** What stands beside an act, by its name in the log. */
  logKeys: { ticket: 'request', way: 'by', to: 'to', operator: 'for', api_key: 'key', held_until: 'until' } as Record<
    string,
    string
  >,
  rule: (name: string) => rules[name] ?? plain(name),
  value: (value: string) => values[value] ?? value,
};
