import type { Passkey } from '$lib/api/types';
import { passkeys } from '$locales/passkeys';

/** The line under a passkey's name: who keeps it, or what it is. */
export function providerOf(passkey: Pick<Passkey, 'provider' | 'device'>): string {
  return passkey.provider || (passkey.device === 'security_key' ? passkeys.securityKey : passkeys.unknownProvider);
}
