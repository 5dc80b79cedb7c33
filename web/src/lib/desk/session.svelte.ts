import { isApiError } from '$lib/api/client';
import { askDevice, beforeAsking } from '$lib/webauthn';
import { creationOptions, credentialJSON, requestOptions } from '$lib/webauthn/json';
import { deskApi, onDeskSessionEnded } from './api';
import type { Me, Permission } from './types';

/** undefined: not asked yet; null: no operator is signed in. */
let current = $state<Me | null | undefined>();
let failure = $state<unknown>();
let ended = $state(false);

export const desk = {
  get me() {
    return current;
  },
  get failure() {
    return failure;
  },
  /** The session ended while a page was open; the page stays, with what was typed. */
  get ended() {
    return ended;
  },
};

/** Whether the operator may do this. The server decides; this only spares what it would refuse. */
export function may(permission: Permission): boolean {
  return current?.permissions.includes(permission) ?? false;
}

export async function refreshMe(): Promise<void> {
  try {
    // A refusal would stand in the console of whoever opens the desk signed out.
    const { signed_in } = await deskApi.get<{ signed_in: boolean }>('/session', { anonymous: true });
    current = signed_in ? await deskApi.get<Me>('/me', { anonymous: true }) : null;
    failure = undefined;
    ended = false;
  } catch (error) {
    if (isApiError(error, 'unauthenticated')) current = null;
    else if (!current) failure = error;
  }
}

/** Call from a tap. */
export async function signInToDesk(): Promise<void> {
  const { public_key } = await beforeAsking((signal) =>
    deskApi.post<{ public_key: PublicKeyCredentialRequestOptionsJSON }>(
      '/login/options',
      {},
      { anonymous: true, signal },
    ),
  );
  const credential = await askDevice('get', public_key.timeout ?? 300_000, (signal) =>
    navigator.credentials.get({ publicKey: requestOptions(public_key), signal }),
  );
  current = await deskApi.post<Me>(
    '/login',
    { credential: credentialJSON(credential as PublicKeyCredential) },
    { anonymous: true },
  );
  ended = false;
}

/** Creates the invited operator's passkey, which signs in too. Call from a tap. */
export async function acceptInvitation(token: string): Promise<void> {
  const { public_key } = await beforeAsking((signal) =>
    deskApi.post<{ public_key: PublicKeyCredentialCreationOptionsJSON }>(
      '/invitations/options',
      { token },
      { anonymous: true, signal },
    ),
  );
  const credential = await askDevice('create', public_key.timeout ?? 300_000, (signal) =>
    navigator.credentials.create({ publicKey: creationOptions(public_key), signal }),
  );
  current = await deskApi.post<Me>(
    '/invitations/accept',
    { token, credential: credentialJSON(credential as PublicKeyCredential) },
    { anonymous: true },
  );
  ended = false;
}

export async function signOutOfDesk(): Promise<void> {
  try {
    await deskApi.delete('/session', { anonymous: true });
  } catch (error) {
    if (!isApiError(error, 'unauthenticated')) throw error;
  }
  forgetMe();
}

export function forgetMe(): void {
  current = null;
  ended = false;
}

onDeskSessionEnded(() => {
  if (current) ended = true;
});
