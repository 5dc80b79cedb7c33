import ArrowUpRight from '@lucide/svelte/icons/arrow-up-right';
import Ban from '@lucide/svelte/icons/ban';
import BookUser from '@lucide/svelte/icons/book-user';
import Clock from '@lucide/svelte/icons/clock';
import History from '@lucide/svelte/icons/history';
import Hourglass from '@lucide/svelte/icons/hourglass';
import KeyRound from '@lucide/svelte/icons/key-round';
import LifeBuoy from '@lucide/svelte/icons/life-buoy';
import Lock from '@lucide/svelte/icons/lock-keyhole';
import LogIn from '@lucide/svelte/icons/log-in';
import LogOut from '@lucide/svelte/icons/log-out';
import Mail from '@lucide/svelte/icons/mail';
import BadgeCheck from '@lucide/svelte/icons/badge-check';
import ShieldX from '@lucide/svelte/icons/shield-x';
import Snowflake from '@lucide/svelte/icons/snowflake';
import UserPlus from '@lucide/svelte/icons/user-plus';
import type { ActivityEvent } from '$lib/api/types';
import { amount } from '$lib/format';
import type { IconType } from '$lib/ui/icon';
import Passkey from '$lib/ui/icons/Passkey.svelte';
import Phone from '$lib/ui/icons/Phone.svelte';
import { activity } from '$locales/activity';

export type Filter = 'withdrawals' | 'signIns' | 'changes' | 'stopped';

export interface Episode {
  id: string;
  at: string;
  title: string;
  line: string;
  /** Which browser and network address. */
  from: string;
  filter: Filter;
  /** `approved` is drawn with the glyph, whose two strokes say the same. */
  icon: IconType | 'approved';
  alarming: boolean;
  /** A sign-in that its owner may not know. */
  signIn: boolean;
  /** A withdrawal's id, what happened to it, and what left the balance. */
  withdrawal?: { id: string; state: string; amount: string; asset: string; steps: ActivityEvent[] };
}

const factorIcons: Record<string, IconType> = { email: Mail, phone: Phone, authenticator: Lock };

/**
 * Tells the audit events of an account as episodes, newest first: what happened to one withdrawal becomes one episode.
 * `names` gives a passkey's present name by its id; one that was deleted has none.
 */
export function episodes(events: ActivityEvent[], names: (passkeyId: string) => string): Episode[] {
  const told: Episode[] = [];
  const withdrawals = new Map<string, Episode>();
  for (const event of events) {
    const id = event.data['withdrawal'];
    if (event.kind.startsWith('withdrawal.') && id && event.kind.split('.').length === 2) {
      const known = withdrawals.get(id);
      if (known) known.withdrawal?.steps.push(event);
      else {
        const episode = ofWithdrawal(event, id);
        withdrawals.set(id, episode);
        told.push(episode);
      }
    } else told.push(ofEvent(event, names));
  }
  return told;
}

const withdrawalIcons: Record<string, Episode['icon']> = {
  approved: 'approved',
  handed_over: 'approved',
  declined: Ban,
  cancelled: Ban,
  expired: Clock,
};

/** It was approved, and nobody took it in time. */
const notPaid = (event: ActivityEvent) => event.kind === 'withdrawal.expired' && event.data['by'] === 'hand_over';

function ofWithdrawal(event: ActivityEvent, id: string): Episode {
  const state = event.kind.slice('withdrawal.'.length);
  const { amount: sum = '', asset = '' } = event.data;
  return {
    id: event.id,
    at: event.at,
    title: notPaid(event)
      ? activity.notPaid
      : ((activity.withdrawal as Record<string, string>)[state] ?? activity.other),
    line: activity.withdrawalLine(amount(sum), asset),
    from: '',
    filter: 'withdrawals',
    icon: withdrawalIcons[state] ?? ArrowUpRight,
    alarming: false,
    signIn: false,
    withdrawal: { id, state, amount: sum, asset, steps: [event] },
  };
}

/** One step of a withdrawal in words. */
export function stepOf(event: ActivityEvent): string {
  const state = event.kind.slice('withdrawal.'.length);
  if (state === 'requested' && event.browser) return activity.requestedOn(event.browser);
  if (state === 'approved') return event.data['way'] === 'passkey' ? activity.byPasskey : activity.byCodes;
  if (notPaid(event)) return activity.notPaidStep;
  if (state === 'cancelled' && event.data['by'] === 'freeze') return activity.cancelledByFreeze;
  return (activity.step as Record<string, string>)[state] ?? activity.other;
}

function ofEvent(event: ActivityEvent, names: (passkeyId: string) => string): Episode {
  const from = activity.from(event.browser, event.address);
  const { passkey = '', factor = '', purpose = '', way = '' } = event.data;
  const name = passkey ? names(passkey) : '';
  const is = (
    title: string,
    icon: IconType,
    filter: Filter,
    more: { line?: string; alarming?: boolean; signIn?: boolean } = {},
  ): Episode => ({
    id: event.id,
    at: event.at,
    title,
    icon,
    filter: event.ok ? filter : 'stopped',
    line: more.line ?? '',
    from,
    alarming: more.alarming ?? !event.ok,
    signIn: more.signIn ?? false,
  });
  const confirmed = way ? activity.way(way) : undefined;

  switch (event.kind) {
    case 'login':
      return is(
        activity.login(event.data['method'] ?? '', name),
        event.data['method'] === 'passkey' ? Passkey : LogIn,
        'signIns',
        { signIn: true },
      );
    case 'logout':
      return is(activity.logout, LogOut, 'signIns');
    case 'login.refused':
      return is(activity.loginRefused, ShieldX, 'stopped', { line: activity.loginRefusedLine });
    case 'codes.wrong':
      return is(activity.codesWrong, ShieldX, 'stopped', { line: activity.stoppedLine(purpose) });
    case 'account.created':
      return is(activity.accountCreated, UserPlus, 'changes');
    case 'account.frozen':
      return is(activity.frozen, Snowflake, 'changes', {
        line: activity.frozenBy(event.data['by'] ?? ''),
        alarming: true,
      });
    case 'account.unfrozen':
      return is(activity.unfrozen, Snowflake, 'changes');
    case 'passkey.created':
      return is(activity.passkeyCreated(name), Passkey, 'changes', { line: confirmed });
    case 'passkey.deleted':
      return is(activity.passkeyDeleted, Passkey, 'changes', { line: confirmed });
    case 'passkey.renamed':
      return is(activity.passkeyRenamed(name), Passkey, 'changes');
    case 'passkey.suspended':
      return is(activity.passkeySuspended(name), Passkey, 'stopped', { line: activity.passkeySuspendedLine });
    case 'passkey.refused':
      return is(activity.passkeyRefused, ShieldX, 'stopped', { line: activity.stoppedLine(purpose) });
    case 'factor.bound':
      return is(activity.factorBound(factor), factorIcons[factor] ?? Lock, 'changes');
    case 'factor.replaced':
      return is(activity.factorReplaced(factor), factorIcons[factor] ?? Lock, 'changes', { line: confirmed });
    case 'factor.unbound':
      return is(activity.factorUnbound(factor), factorIcons[factor] ?? Lock, 'changes', { line: confirmed });
    case 'password.changed':
      return is(activity.passwordChanged, KeyRound, 'changes', { line: confirmed });
    case 'password.reset':
      return is(activity.passwordReset, KeyRound, 'changes');
    case 'phrase.set':
      return is(activity.phraseSet, BadgeCheck, 'changes', { line: confirmed });
    case 'sessions.ended':
      return is(activity.sessionsEnded(event.data['which'] ?? ''), LogOut, 'changes', { line: confirmed });
    case 'desk.sessions_ended':
      return is(activity.supportEndedSessions, LogOut, 'changes');
    case 'desk.hold':
      return is(activity.supportPaused, Hourglass, 'changes');
    case 'address.saved':
      return is(activity.addressSaved, BookUser, 'changes', { line: confirmed });
    case 'address.deleted':
      return is(activity.addressDeleted, BookUser, 'changes');
    case 'ticket.opened':
      return is(activity.askedForHelp(event.data['ticket'] ?? ''), LifeBuoy, 'changes');
    case 'ticket.message':
      return is(activity.wroteToSupport(event.data['ticket'] ?? ''), LifeBuoy, 'changes');
    case 'recording.made':
      return is(activity.recordingMade, LifeBuoy, 'changes');
    case 'recording.refused':
      return is(activity.recordingRefused, LifeBuoy, 'stopped', {
        line: activity.recordingRefusedLine,
        alarming: false,
      });
    case 'recording.deleted':
      return is(activity.recordingDeleted, LifeBuoy, 'changes');
    case 'recording.expired':
      return is(activity.recordingExpired, LifeBuoy, 'changes');
  }
  if (!event.ok) {
    const what = purpose || event.kind.replace(/\.refused$/, '');
    return is(activity.requestStopped, ShieldX, 'stopped', { line: activity.stoppedLine(what) });
  }
  return is(activity.other, History, 'changes');
}
