import { timeWithZone } from '$lib/format';
import { PasskeyError } from '$lib/webauthn';
import { errors } from '$locales/errors';
import { passkeyErrors } from '$locales/passkey';
import { ApiError, OfflineError } from './client';

export interface ErrorMessage {
  title: string;
  line: string;
  offline: boolean;
  /** The request's id, for support; "" where naming it would not help. */
  reference: string;
}

/** What to print for a failed request. The server's own texts are never shown: they are for developers. */
export function messageFor(error: unknown): ErrorMessage {
  if (error instanceof OfflineError) {
    return { ...(error.sent ? errors.noAnswer : errors.offline), offline: true, reference: '' };
  }
  if (error instanceof ApiError) {
    const { code, retry_at, until, request_id } = error.problem;
    const at = retry_at ?? until;
    const known = (errors.codes as Record<string, { title: string; line: string; at?: (time: string) => string }>)[
      code
    ];
    if (known) {
      return {
        title: known.title,
        line: known.at && at ? known.at(timeWithZone(at)) : known.line,
        offline: false,
        reference: '',
      };
    }
    return { ...errors.server, offline: false, reference: request_id };
  }
  if (error instanceof PasskeyError) return { ...passkeyErrors.codes[error.code], offline: false, reference: '' };
  return { ...errors.unexpected, offline: false, reference: '' };
}

/** One line, for under a field or in a toast. */
export function lineFor(error: unknown): string {
  const { title, line } = messageFor(error);
  return line ? `${title}. ${line}` : `${title}.`;
}
