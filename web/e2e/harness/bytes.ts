import { createHash } from 'node:crypto';

export const fromBase64url = (text: string): Buffer => Buffer.from(text, 'base64url');

interface PasskeyProof {
  details: string;
  passkey: { nonce: string; client_data_json: string };
}

/** The challenge that a withdrawal's details and nonce give. */
export function challengeOf(proof: PasskeyProof): string {
  return createHash('sha256')
    .update('countersign/withdrawal/v1\0')
    .update(fromBase64url(proof.passkey.nonce))
    .update(proof.details)
    .digest('base64url');
}

export function signedChallenge(proof: PasskeyProof): string {
  const clientData = JSON.parse(fromBase64url(proof.passkey.client_data_json).toString()) as { challenge: string };
  return clientData.challenge;
}
