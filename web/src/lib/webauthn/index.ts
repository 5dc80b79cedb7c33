import { api, isApiError } from '$lib/api/client';
import type { Session, Verification, VerificationResult } from '$lib/api/types';
import { whenLeft } from '$lib/router.svelte';
import type { AttemptEvent, AttemptOperation } from './attempt';
import { classify, isInAppBrowser, type PasskeyErrorCode } from './classify';
import { creationOptions, credentialJSON, requestOptions } from './json';

export type { PasskeyErrorCode } from './classify';

/** The authenticator gave nothing. `silent`: show nothing either. */
export class PasskeyError extends Error {
  readonly code: PasskeyErrorCode;
  readonly silent: boolean;
  readonly elapsedMs: number;

  constructor(code: PasskeyErrorCode, silent: boolean, elapsedMs: number, cause: unknown) {
    super(code, { cause });
    this.name = 'PasskeyError';
    this.code = code;
    this.silent = silent;
    this.elapsedMs = elapsedMs;
  }
}

/** Whether this browser has the API at all. Asks nothing and prompts nothing. */
export function supported(): boolean {
  return typeof PublicKeyCredential === 'function' && typeof navigator.credentials?.get === 'function';
}

// One ceremony at a time: browsers refuse a second, and which one answered would be unclear.
let running: AbortController | undefined;

/** Begins the one that may run. Leaving the page stops it as Cancel does. */
function begin(): { signal: AbortSignal; end: () => void } {
  running?.abort();
  const controller = new AbortController();
  running = controller;
  const forget = whenLeft(() => controller.abort());
  const end = () => {
    forget();
    if (running === controller) running = undefined;
  };
  return { signal: controller.signal, end };
}

/** A ceremony of a customer: each of its steps belongs to a try, which support and the numbers know of. */
function ceremony<T>(
  operation: 'create' | 'get' | 'confirm',
  verification: string | null,
  timeoutMs: number,
  ask: (signal: AbortSignal) => Promise<T | null>,
): Promise<T> {
  return askDevice(operation, timeoutMs, ask, (event) => noteAttempt(reported[operation], verification, event));
}

/**
 * Waits for what the device is to be asked. A Cancel counts from the tap on: one that comes meanwhile ends this at once, as a
 * silent error, and no window opens after it.
 */
export async function beforeAsking<T>(get: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, end } = begin();
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new PasskeyError('aborted', true, 0, signal.reason)));
  });
  try {
    return await Promise.race([get(signal), cancelled]);
  } finally {
    end();
  }
}

/** Asks the browser, names what it answers if it gives nothing, and tells `note` of each step. */
export async function askDevice<T>(
  operation: 'create' | 'get' | 'confirm',
  timeoutMs: number,
  ask: (signal: AbortSignal) => Promise<T | null>,
  note: (event: AttemptEvent) => void = () => undefined,
): Promise<T> {
  const { signal, end } = begin();
  note({ step: 'prompted' });
  const started = performance.now();
  const visible = document.visibilityState === 'visible';
  try {
    const answer = await ask(signal);
    if (answer === null) throw new DOMException('no credential', 'NotAllowedError');
    return answer;
  } catch (error) {
    const elapsedMs = performance.now() - started;
    const { code, silent } = classify(operation, error, {
      secure: window.isSecureContext,
      hasApi: supported(),
      framed: window.top !== window.self,
      inApp: isInAppBrowser(navigator.userAgent),
      uvpaa: await platformAuthenticator(),
      elapsedMs,
      timeoutMs,
      visible,
    });
    note({ step: 'failed', error: errorName(error), code, elapsed_ms: Math.round(elapsedMs), timeoutMs, visible });
    throw new PasskeyError(code, silent, elapsedMs, error);
  } finally {
    end();
  }
}

/** What support and the numbers call the operations. */
const reported = { create: 'create', get: 'sign_in', confirm: 'confirm' } as const;

const errorName = (error: unknown) => (error instanceof Error || error instanceof DOMException ? error.name : '');

/** Records a step of a try for the doctor and for support. It never delays what it tells of, and never fails it. */
export function noteAttempt(operation: AttemptOperation, verification: string | null, event: AttemptEvent): void {
  const at = Date.now();
  void import('./attempt').then(({ note }) => note(operation, verification, event, at)).catch(() => undefined);
}

/** A refusal by the server belongs to the try too. */
async function refusable<T>(
  operation: AttemptOperation,
  verification: string | null,
  send: () => Promise<T>,
): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (isApiError(error)) noteAttempt(operation, verification, { step: 'refused', code: error.code });
    throw error;
  }
}

async function platformAuthenticator(): Promise<boolean | undefined> {
  try {
    return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  } catch {
    return undefined;
  }
}

/**
 * Stops the ceremony that is waiting or about to; it ends as a silent error. False: there is none, as where the device has
 * answered and that is on its way.
 */
export function abortCeremony(): boolean {
  running?.abort();
  return running !== undefined;
}

interface LoginOptions {
  public_key: PublicKeyCredentialRequestOptionsJSON;
}

/**
 * Signs in with a passkey, without a user name. Call from a tap: it opens the system's sheet. The hint asks for a phone
 * (hybrid) or a security key first, where the browser listens to it.
 */
export async function signInWithPasskey(hint?: 'hybrid' | 'security-key'): Promise<Session> {
  const { public_key } = await beforeAsking(loginOptions);
  if (hint) public_key.hints = [hint];
  const credential = await ceremony('get', null, public_key.timeout ?? 300_000, (signal) =>
    navigator.credentials.get({ publicKey: requestOptions(public_key), signal }),
  );
  const session = await refusable('sign_in', null, () => finishLogin(credential));
  noteAttempt('sign_in', null, { step: 'done' });
  return session;
}

function loginOptions(signal?: AbortSignal): Promise<LoginOptions> {
  return api.post<LoginOptions>('/v1/login/passkey/options', {}, { anonymous: true, signal });
}

function finishLogin(credential: Credential): Promise<Session> {
  return api.post<Session>(
    '/v1/login/passkey',
    { credential: credentialJSON(credential as PublicKeyCredential) },
    { anonymous: true },
  );
}

const rearmAfterMs = 4 * 60_000; // login challenges live five

/**
 * Offers passkeys in the user-name field's autofill list: at most one request is pending, it opens no window by itself,
 * and it is made anew before its challenge expires and when the page comes back to view. Returns the way to stop it.
 */
export function armAutofill(on: {
  /** The browser will offer passkeys in the field. */
  onArmed: () => void;
  onSession: (session: Session) => void;
  onError: (error: unknown) => void;
}): () => void {
  let stopped = false;
  let controller: AbortController | undefined;
  let armedAt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function arm() {
    if (stopped || document.visibilityState !== 'visible' || running) return;
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    clearTimeout(timer);
    timer = setTimeout(() => void arm(), rearmAfterMs);
    armedAt = Date.now();
    let credential: Credential | null;
    try {
      const { public_key } = await loginOptions();
      if (mine.signal.aborted || running) return;
      credential = await navigator.credentials.get({
        publicKey: requestOptions(public_key),
        mediation: 'conditional',
        signal: mine.signal,
      });
    } catch {
      return; // dismissed, aborted or not to be had: the page's other ways are all still there
    }
    if (!credential || stopped) return;
    try {
      const offered = credential;
      on.onSession(await refusable('sign_in', null, () => finishLogin(offered)));
    } catch (error) {
      on.onError(error);
      void arm();
    }
  }

  function onVisible() {
    if (document.visibilityState === 'visible' && Date.now() - armedAt > rearmAfterMs) void arm();
  }

  async function start() {
    if (!supported()) return;
    const available = await PublicKeyCredential.isConditionalMediationAvailable?.().catch(() => false);
    if (!available || stopped) return;
    document.addEventListener('visibilitychange', onVisible);
    on.onArmed();
    void arm();
  }
  void start();

  return () => {
    stopped = true;
    clearTimeout(timer);
    controller?.abort();
    document.removeEventListener('visibilitychange', onVisible);
  };
}

export interface Challenge {
  kind: 'create' | 'get';
  public_key: PublicKeyCredentialCreationOptionsJSON | PublicKeyCredentialRequestOptionsJSON;
  expires_at: string;
}

/** Fetches a verification's challenge. Do it before the tap where one can: some browsers lose the tap over a fetch. */
export function fetchChallenge(verificationId: string): Promise<Challenge> {
  return api.post<Challenge>(`/v1/verifications/${verificationId}/challenge`);
}

/** Proves the verification with a passkey the account has. Call from a tap. */
export async function proveWithPasskey(verificationId: string, prepared?: Challenge): Promise<Verification> {
  const challenge = fresh(prepared) ?? (await beforeAsking(() => fetchChallenge(verificationId)));
  const options = challenge.public_key as PublicKeyCredentialRequestOptionsJSON;
  const credential = await ceremony('confirm', verificationId, options.timeout ?? 180_000, (signal) =>
    navigator.credentials.get({ publicKey: requestOptions(options), signal }),
  );
  return refusable('confirm', verificationId, () => sendCredential(verificationId, credential));
}

/** Creates the verification's passkey. Call from a tap. */
export async function createPasskey(
  verificationId: string,
  prepared?: Challenge,
  name?: string,
): Promise<Verification> {
  const challenge = fresh(prepared) ?? (await beforeAsking(() => fetchChallenge(verificationId)));
  const options = challenge.public_key as PublicKeyCredentialCreationOptionsJSON;
  const credential = await ceremony('create', verificationId, options.timeout ?? 300_000, (signal) =>
    navigator.credentials.create({ publicKey: creationOptions(options), signal }),
  );
  try {
    return await refusable('create', verificationId, () => sendCredential(verificationId, credential, name));
  } catch (error) {
    // The manager has saved what the server refused; without this it would offer a passkey that opens nothing. Only where it
    // is known to have refused: a lost answer may have been a yes, and the passkey would be hidden from its owner.
    const refused =
      isApiError(error) && error.status < 500 && !isApiError(error, 'challenge_used', 'verification_used');
    if (!refused) throw error;
    const rpId = options.rp.id ?? location.hostname;
    signal('signalUnknownCredential', { rpId, credentialId: credential.id });
    throw error;
  }
}

function fresh(challenge: Challenge | undefined): Challenge | undefined {
  return challenge && Date.parse(challenge.expires_at) - Date.now() > 10_000 ? challenge : undefined;
}

async function sendCredential(verificationId: string, credential: Credential, name?: string): Promise<Verification> {
  const verification = await api.post<Verification>(`/v1/verifications/${verificationId}/passkey`, {
    credential: credentialJSON(credential as PublicKeyCredential),
    name,
  });
  signalAccepted(verification.result);
  return verification;
}

/** Tells the password manager which passkeys are left. Only the server knows that its list is complete. */
export function signalAccepted(result: VerificationResult | null): void {
  const accepted = result?.accepted_credentials;
  if (!accepted) return;
  signal('signalAllAcceptedCredentials', {
    rpId: accepted.rp_id,
    userId: accepted.user_id,
    allAcceptedCredentialIds: accepted.credential_ids,
  });
}

/** Whether this browser passes such news on to password managers. */
export function canSignal(): boolean {
  return supported() && 'signalAllAcceptedCredentials' in PublicKeyCredential;
}

type Signals = Record<string, ((options: Record<string, unknown>) => Promise<void>) | undefined>;

// Hints only, for which nobody waits: a manager that does not listen costs a stale entry in its list, nothing more.
function signal(method: string, options: Record<string, unknown>): void {
  const tell = async () => (PublicKeyCredential as unknown as Signals)[method]?.(options);
  tell().catch(() => undefined);
}
