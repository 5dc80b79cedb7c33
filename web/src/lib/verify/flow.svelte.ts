import { tick } from 'svelte';
import { api, isApiError, OfflineError } from '$lib/api/client';
import { lineFor } from '$lib/api/messages';
import type { Keep, CodeResult, Purpose, Verification } from '$lib/api/types';
import { PasskeyError, proveWithPasskey, signalAccepted } from '$lib/webauthn';
import { announce } from '$lib/ui/live.svelte';
import { ui } from '$locales/ui';
import { verify } from '$locales/verify';

/** What a verification is begun with. */
export interface Begin {
  purpose: Purpose;
  object?: string;
  value?: string;
  address?: { label: string; network: string; address: string; memo: string };
}

export type CodeKey = 'email' | 'phone' | 'authenticator' | 'any' | 'new';

/** Which answers end a verification, whatever was typed. */
const endings = [
  'verification_expired',
  'verification_void',
  'verification_used',
  'tries_exhausted',
  'challenges_exhausted',
  'account_frozen',
];

/** One verification as a page runs it: what was typed, what matched, what was refused, and why it ended. */
export class Flow {
  verification = $state<Verification>();
  codes = $state<Partial<Record<CodeKey, string>>>({});
  wrong = $state<Partial<Record<CodeKey, string>>>({});
  password = $state('');
  passwordError = $state('');
  busy = $state<'' | 'begin' | 'codes' | 'passkey' | 'send' | 'finish'>('');
  /** Shown over the form; the verification goes on. */
  problem = $state<unknown>();
  /** The verification is over without having been done. */
  ended = $state<unknown>();

  readonly #begin: Begin | undefined;
  readonly #advance: (verification: Verification) => void;
  readonly #lost: (() => void) | undefined;

  constructor(
    begin: Begin | undefined,
    given: Verification | undefined,
    advance: (verification: Verification) => void,
    lost?: () => void,
  ) {
    this.#begin = begin;
    this.#advance = advance;
    this.#lost = lost;
    if (given) this.verification = given;
    else void this.begin();
  }

  get canRestart(): boolean {
    return this.#begin !== undefined;
  }

  /** The fields of the page that stands now, still open. */
  get open(): CodeKey[] {
    const v = this.verification;
    if (!v) return [];
    if (v.next === 'new_factor') return ['new'];
    return v.factors.filter((factor) => !factor.matched).map((factor) => factor.kind);
  }

  get complete(): boolean {
    const v = this.verification;
    const passwordReady = !v?.password || v.password.matched || this.password !== '' || v.next === 'new_factor';
    return passwordReady && this.open.every((key) => this.codes[key]?.length === 6);
  }

  /** Messages that have not been asked for yet. */
  get unsent(): ('email' | 'phone')[] {
    return (this.verification?.factors ?? [])
      .filter((factor) => !factor.matched && !factor.sent_at)
      .map((factor) => factor.kind)
      .filter((kind) => kind === 'email' || kind === 'phone');
  }

  begin = async (): Promise<void> => {
    this.busy = 'begin';
    this.ended = undefined;
    this.problem = undefined;
    this.codes = {};
    this.wrong = {};
    this.password = '';
    try {
      this.verification = await api.post<Verification>('/v1/verifications', this.#begin);
    } catch (error) {
      this.verification = undefined;
      this.ended = error;
    } finally {
      this.busy = '';
    }
  };

  send = async (...factors: (CodeKey | 'new')[]): Promise<void> => {
    const v = this.verification;
    if (!v) return;
    this.busy = 'send';
    this.problem = undefined;
    try {
      for (const factor of factors) {
        this.verification = await api.post<Verification>(`/v1/verifications/${v.id}/send`, { factor });
      }
      announce(verify.sent);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.busy = '';
    }
  };

  /** Sends all open codes, and the password where it is asked, in one request: one wrong code burns no other. */
  submit = async (): Promise<void> => {
    const v = this.verification;
    if (!v || this.busy) return;
    this.busy = 'codes';
    this.problem = undefined;
    this.wrong = {};
    this.passwordError = '';
    const codes = Object.fromEntries(this.open.map((key) => [key, this.codes[key] ?? '']));
    const password = v.password && !v.password.matched ? this.password : undefined;
    try {
      this.#take(await api.post<Verification>(`/v1/verifications/${v.id}/codes`, { codes, password }));
    } catch (error) {
      // Whether the codes arrived is not known here: a screen that can ask what became of it takes over.
      if (this.#lost && error instanceof OfflineError && error.sent) this.#lost();
      else this.#refused(error);
    } finally {
      this.busy = '';
    }
  };

  /** Opens the system's sheet; call from a tap. */
  passkey = async (): Promise<void> => {
    const v = this.verification;
    if (!v || this.busy) return;
    this.busy = 'passkey';
    this.problem = undefined;
    announce(ui.waitingForDevice);
    try {
      this.#take(await proveWithPasskey(v.id));
    } catch (error) {
      this.#refused(error);
    } finally {
      this.busy = '';
    }
  };

  finish = async (body: { password?: string; keep_passkeys: Keep }): Promise<void> => {
    const v = this.verification;
    if (!v || this.busy) return;
    this.busy = 'finish';
    this.problem = undefined;
    try {
      const done = await api.post<Verification>(`/v1/verifications/${v.id}/finish`, body);
      signalAccepted(done.result);
      this.#take(done);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.busy = '';
    }
  };

  /** Gives the verification up on the server; whether that arrives does not matter, it expires by itself. */
  giveUp(): void {
    const v = this.verification;
    if (v?.status === 'pending') api.delete(`/v1/verifications/${v.id}`).catch(() => undefined);
  }

  #take(verification: Verification): void {
    const before = this.verification?.next;
    this.verification = verification;
    if (verification.status !== 'pending' || verification.next !== before) this.#advance(verification);
  }

  #refused(error: unknown): void {
    if (error instanceof PasskeyError) {
      if (!error.silent) this.problem = error;
      return;
    }
    if (!isApiError(error)) {
      this.problem = error;
      return;
    }
    const { problem } = error;
    if (problem.verification) this.verification = problem.verification;
    if (
      endings.includes(error.code) ||
      problem.verification?.status === 'expired' ||
      problem.verification?.status === 'void'
    ) {
      this.ended = error;
    } else if (error.code === 'login_refused') {
      this.wrong = { any: verify.refused };
    } else if (error.code === 'code_wrong') {
      this.#explain(problem.results ?? {});
    } else {
      this.problem = error;
      if (error.code === 'resend_too_soon') announce(lineFor(error));
    }
  }

  #explain(results: Record<string, CodeResult>): void {
    const said: Partial<Record<CodeKey, string>> = {};
    for (const [key, result] of Object.entries(results)) {
      if (key === 'password') {
        if (result !== 'matched') this.passwordError = verify.passwordWrong;
        continue;
      }
      if (result === 'matched') continue;
      said[key as CodeKey] = {
        wrong: verify.wrong(this.#left()),
        expired: verify.expired,
        used: verify.used,
        not_sent: verify.notSent,
      }[result];
    }
    this.wrong = said;
    // Where the correction is to be typed.
    void tick().then(() => document.querySelector<HTMLElement>('main [aria-invalid=true]')?.focus());
  }

  #left(): string {
    return ui.triesLeft(this.verification?.tries_left ?? 0);
  }
}
