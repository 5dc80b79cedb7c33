import type { Challenge } from '$lib/webauthn';

type Creation = PublicKeyCredentialCreationOptionsJSON & { hints?: string[] };

/** The same challenge, asking for a phone or a security key instead of this device: browsers then show their QR code. */
export function elsewhere(challenge: Challenge): Challenge {
  const options = challenge.public_key as Creation;
  const other: Creation = {
    ...options,
    hints: ['hybrid', 'security-key'],
    authenticatorSelection: { ...options.authenticatorSelection, authenticatorAttachment: 'cross-platform' },
  };
  return { ...challenge, public_key: other };
}
