import { api, isApiError, onSessionEnded } from '$lib/api/client';
import type { Account } from '$lib/api/types';

/** undefined: not asked yet; null: nobody is signed in. */
let current = $state<Account | null | undefined>();
let failure = $state<unknown>();
let ended = $state(false);
let left = false;

export const session = {
  get account() {
    return current;
  },
  /** Why the account could not be asked for, when it was not a refusal. */
  get failure() {
    return failure;
  },
  /** The session ended while a page was open; the page stays, with what was typed. */
  get ended() {
    return ended;
  },
};

/** The signed-in account. For screens behind a session, where there always is one. */
export function account(): Account {
  if (!current) throw new Error('no account: this screen is not behind a session');
  return current;
}

/** Knows without asking that nobody is signed in: the sign-in page opened by a browser that was never signed in here. */
export function assumeSignedOut(): boolean {
  if (remembered()) return false;
  current = null;
  return true;
}

function remembered(): boolean {
  try {
    return localStorage.getItem('signed-in') !== null;
  } catch {
    return true; // storage is closed to us, so the server has to be asked
  }
}

function remember(signedIn: boolean): void {
  try {
    if (signedIn) localStorage.setItem('signed-in', '1');
    else localStorage.removeItem('signed-in');
  } catch {
    // It only spares a request.
  }
}

/** Asks again who is signed in and how things stand; call after anything that changes the account. */
export async function refreshAccount(): Promise<void> {
  try {
    if (current === undefined && !remembered()) {
      const { signed_in } = await api.get<{ signed_in: boolean }>('/v1/session');
      if (!signed_in) {
        current = null;
        failure = undefined;
        return;
      }
    }
    current = await api.get<Account>('/v1/account', { anonymous: current === undefined });
    failure = undefined;
    ended = false;
    remember(true);
  } catch (error) {
    if (isApiError(error, 'unauthenticated')) {
      // A page that is open keeps its account, and what was typed, under the sheet that asks to sign in again.
      if (!current) {
        current = null;
        remember(false);
      }
    } else if (!current) failure = error;
  }
}

/** Forgets the account at once: after signing out, and after freezing. */
export function forgetAccount(): void {
  current = null;
  ended = false;
  remember(false);
}

/** Ends this session on the server, then here. */
export async function signOut(): Promise<void> {
  try {
    await api.delete('/v1/sessions/current', { anonymous: true });
  } catch (error) {
    if (!isApiError(error, 'unauthenticated')) throw error;
  }
  left = true;
  forgetAccount();
}

/** Tells, once, that somebody has just signed out here. */
export function tookLeave(): boolean {
  const was = left;
  left = false;
  return was;
}

onSessionEnded(() => {
  if (current) ended = true;
});
