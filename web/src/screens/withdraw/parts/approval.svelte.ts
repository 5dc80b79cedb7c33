import { api, isApiError, OfflineError } from '$lib/api/client';
import type { Verification, Withdrawal } from '$lib/api/types';
import { account, refreshAccount } from '$lib/shared/session.svelte';
import { announce } from '$lib/ui/live.svelte';
import {
  abortCeremony,
  beforeAsking,
  fetchChallenge,
  PasskeyError,
  proveWithPasskey,
  supported,
  type Challenge,
} from '$lib/webauthn';
import { withdraw } from '$locales/withdraw';
import { clearDraft } from './draft.svelte';

/** Refusals after which the withdrawal is not what it was: the server's record is read again and speaks for itself. */
const decided = ['withdrawal_expired', 'withdrawal_not_requested', 'verification_used', 'details_changed', 'not_found'];
/** Refusals that end a verification; the next try begins another. */
const over = ['verification_expired', 'verification_void', 'challenges_exhausted', 'conflict'];
/** Refusals about the account, which the page shows from the account itself. */
const blocking = ['withdrawals_on_hold', 'account_frozen', 'factors_incomplete', 'unauthenticated'];

const pollMs = 2000;
/** After so many answers that it is still waiting, the lost request did not arrive. */
const pollsUntilSure = 5;

/**
 * A withdrawal from its review to its approval. What is shown is always the server's record, and what was reviewed is
 * remembered: a record that differs is not confirmed but reviewed again.
 */
export class Approval {
  readonly id: string;
  withdrawal = $state<Withdrawal>();
  loadError = $state<unknown>();
  verification = $state<Verification>();
  stage = $state<'review' | 'waiting' | 'codes' | 'checking'>('review');
  /** Why the last try gave nothing; shown as a sheet over the slip. */
  refusal = $state<unknown>();
  refused = $state(false);
  /** Why no verification could be begun; shown on the page. */
  trouble = $state<unknown>();
  /** The answer to a confirmation got lost, and the server has nothing of it. */
  lost = $state(false);
  /** A newer record with other details than those reviewed. */
  changed = $state<Withdrawal>();
  /** Approved on this page just now: the approval is drawn once. */
  fresh = $state(false);
  busy = $state(false);

  #beginning: Promise<void> | undefined;
  #challenge: Challenge | undefined;
  /** How often a verification was given up for another: what was under way for it is not taken any more. */
  #renewals = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #gone = false;
  /** Which try the page waits for: one that was stopped may end after the next has begun. */
  #turn = 0;

  constructor(id: string) {
    this.id = id;
    void this.load();
  }

  /** Which ways to confirm are open; before the answer is here, as the account has them. */
  get passkeyOpen(): boolean {
    if (!supported()) return false;
    return this.verification?.ways.includes('passkey') ?? account().passkey_withdrawals.available;
  }

  load = async (): Promise<void> => {
    this.loadError = undefined;
    try {
      this.#take(await api.get<Withdrawal>(`/v1/withdrawals/${this.id}`));
      if (this.withdrawal?.state === 'requested') void this.prepare();
    } catch (error) {
      if (!this.withdrawal) this.loadError = error;
    }
  };

  /** Begins the verification, and fetches its challenge, so that the tap finds both there. Safe to call again. */
  prepare = (): Promise<void> => {
    if (!this.#beginning) {
      const beginning = this.#begin().finally(() => {
        if (this.#beginning === beginning) this.#beginning = undefined;
      });
      this.#beginning = beginning;
    }
    return this.#beginning;
  };

  async #begin(): Promise<void> {
    if (this.verification || this.#gone) return;
    const renewals = this.#renewals;
    try {
      const verification = await api.post<Verification>('/v1/verifications', {
        purpose: 'withdrawal.approve',
        object: this.id,
      });
      if (renewals !== this.#renewals) return;
      this.trouble = undefined;
      this.verification = verification;
      if (verification.withdrawal) this.#take(verification.withdrawal);
      if (!this.passkeyOpen) return;
      const challenge = await fetchChallenge(verification.id).catch(() => undefined);
      if (renewals === this.#renewals) this.#challenge = challenge;
    } catch (error) {
      if (renewals !== this.#renewals) return;
      if (isApiError(error, ...decided)) await this.#reload();
      else if (isApiError(error, ...blocking)) await refreshAccount();
      this.trouble = error;
    }
  }

  /** Confirms by passkey. Call from a tap. The hint asks for another phone. */
  confirm = async (hint?: 'hybrid'): Promise<void> => {
    if (this.stage === 'waiting') return;
    const turn = ++this.#turn;
    this.stage = 'waiting';
    this.refused = false;
    this.lost = false;
    announce(withdraw.waitingAnnounced);
    let sent = false;
    try {
      const ready = await beforeAsking(() => this.#ready());
      // What changed meanwhile is reviewed first: the device would be asked for what nobody has seen.
      if (!ready || this.changed || this.withdrawal?.state !== 'requested') {
        this.stage = 'review';
        return;
      }
      ready.challenge.public_key.hints = hint ? [hint] : [];
      sent = true;
      this.done(await proveWithPasskey(ready.verification.id, ready.challenge));
    } catch (error) {
      if (error instanceof PasskeyError && turn !== this.#turn) return;
      await this.#failed(error, sent);
    }
  };

  /** What a tap needs, where it is not there yet; nothing where no verification could be begun. */
  async #ready(): Promise<{ verification: Verification; challenge: Challenge } | undefined> {
    await this.prepare();
    const verification = this.verification;
    if (!verification) return undefined;
    if (!this.#challenge || Date.parse(this.#challenge.expires_at) - Date.now() < 20_000) {
      this.#challenge = await fetchChallenge(verification.id);
      // It is made of the record as it is now.
      await this.#reload();
    }
    return { verification, challenge: this.#challenge };
  }

  /** Stops waiting for the device; once that has answered there is nothing to stop. */
  stop = (): void => {
    if (!abortCeremony()) return;
    this.#turn++;
    this.stage = 'review';
  };

  useCodes = (): void => {
    this.refused = false;
    this.lost = false;
    this.stage = 'codes';
  };

  /** Back from the codes page; its verification was given up with it. */
  leaveCodes = (): void => {
    this.stage = 'review';
    this.#renew();
  };

  /** Back from the codes page to the passkey; codes that matched stay matched. */
  backToPasskey = (): void => {
    this.stage = 'review';
  };

  /** The proof was accepted. */
  done = (verification: Verification): void => {
    const withdrawal = verification.result?.withdrawal;
    if (verification.status !== 'done' || !withdrawal) {
      void this.check();
      return;
    }
    this.#approved(withdrawal);
  };

  /** No answer came to a confirmation: the withdrawal itself says what became of it. */
  check = async (): Promise<void> => {
    this.stage = 'checking';
    this.#challenge = undefined;
    for (let answers = 0; answers < pollsUntilSure && !this.#gone;) {
      try {
        const withdrawal = await api.get<Withdrawal>(`/v1/withdrawals/${this.id}`);
        if (withdrawal.state === 'approved' || withdrawal.state === 'handed_over') {
          this.#approved(withdrawal);
          return;
        }
        this.#take(withdrawal);
        if (withdrawal.state !== 'requested') {
          this.stage = 'review';
          return;
        }
        answers++;
      } catch (error) {
        if (isApiError(error, 'unauthenticated', 'not_found')) return;
      }
      await new Promise((resume) => (this.#timer = setTimeout(resume, pollMs)));
    }
    if (this.#gone) return;
    this.lost = true;
    this.stage = 'review';
    this.#renew();
  };

  cancel = async (): Promise<void> => {
    this.busy = true;
    abortCeremony();
    try {
      this.#take(await api.post<Withdrawal>(`/v1/withdrawals/${this.id}/cancel`));
      announce(withdraw.cancelled);
    } catch (error) {
      if (isApiError(error)) await this.#reload();
      else this.trouble = error;
    } finally {
      this.busy = false;
      this.stage = 'review';
    }
  };

  /** The changed record is reviewed from the start. */
  reviewChanged = (): void => {
    if (!this.changed) return;
    this.stop();
    this.withdrawal = this.changed;
    this.changed = undefined;
    this.stage = 'review';
    this.#renew();
  };

  /** Its time is over by this clock; the server's decides. */
  expired = (): void => {
    if (this.stage !== 'checking') void this.#reload();
  };

  /** The page is left: nothing may open a window of the device any more. */
  leave = (): void => {
    this.#gone = true;
    clearTimeout(this.#timer);
    abortCeremony();
  };

  #approved(withdrawal: Withdrawal): void {
    this.fresh = true;
    this.changed = undefined;
    this.withdrawal = withdrawal;
    this.stage = 'review';
    clearDraft();
    announce(withdraw.approved);
    void refreshAccount();
  }

  #take(next: Withdrawal): void {
    const seen = this.withdrawal;
    if (seen?.state === 'requested' && next.state === 'requested' && next.details_digest !== seen.details_digest) {
      this.changed = next;
    } else {
      this.withdrawal = next;
      this.changed = undefined;
    }
  }

  async #reload(): Promise<void> {
    try {
      this.#take(await api.get<Withdrawal>(`/v1/withdrawals/${this.id}`));
    } catch {
      // What is on the page stays until an answer comes.
    }
  }

  #renew(): void {
    this.#renewals++;
    this.#beginning = undefined;
    this.verification = undefined;
    this.#challenge = undefined;
    void this.prepare();
  }

  async #failed(error: unknown, sent: boolean): Promise<void> {
    if (error instanceof PasskeyError) {
      this.stage = 'review';
      if (!error.silent) this.#refuse(error);
      return;
    }
    const refused = isApiError(error) && error.status < 500;
    if (!refused) {
      // Without a clear refusal the confirmation may have gone through; before it was sent it cannot.
      if (sent && !(error instanceof OfflineError && !error.sent)) await this.check();
      else {
        this.stage = 'review';
        this.#refuse(error);
      }
      return;
    }
    this.#challenge = undefined;
    this.stage = 'review';
    if (error.code === 'verification_used') {
      await this.check();
    } else if (isApiError(error, ...decided)) {
      await this.#reload();
      // Else the record tells of it itself.
      if (this.withdrawal?.state === 'requested' && !this.changed) this.#refuse(error);
    } else if (isApiError(error, ...blocking)) {
      await refreshAccount();
      this.#refuse(error);
    } else {
      if (isApiError(error, ...over)) this.#renew();
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    this.refusal = error;
    this.refused = true;
  }
}
