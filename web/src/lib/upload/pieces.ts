/** The arithmetic of an upload in pieces; no clock and no network of its own. */

/** The range of the piece that begins at an offset; the last one is shorter. */
export function pieceAt(offset: number, total: number, size: number): { from: number; to: number } {
  return { from: offset, to: Math.min(total, offset + size) };
}

/** How long to wait before the nth try after a failure, in milliseconds: doubling, to half a minute at most. */
export function backoffMs(failures: number): number {
  return Math.min(30_000, 1000 * 2 ** Math.max(0, failures - 1));
}

/** Seconds left, by the pace of the last pieces; null until there is a pace to judge by. */
export class Pace {
  #samples: { at: number; sent: number }[] = [];

  /** So much was there at this instant. */
  take(at: number, sent: number): void {
    this.#samples = [...this.#samples, { at, sent }].slice(-8);
  }

  /** A pause has no pace. */
  reset(): void {
    this.#samples = [];
  }

  secondsLeft(total: number): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.sent <= first.sent || last.at <= first.at) return null;
    const perMs = (last.sent - first.sent) / (last.at - first.at);
    return Math.max(1, Math.ceil((total - last.sent) / perMs / 1000));
  }
}

/** What a failed piece means for the upload. */
export type Next = { do: 'retry' } | { do: 'go_on'; offset: number } | { do: 'stop'; code: string };

/**
 * Judges an answer that was no success; status 0: none came. A server that is busy, restarting or counting is asked again;
 * one that has another offset is right.
 */
export function judge(status: number, problem: { code?: string; stored?: number }): Next {
  if (status === 409 && problem.code === 'upload_offset' && typeof problem.stored === 'number') {
    return { do: 'go_on', offset: problem.stored };
  }
  if (status === 0 || status === 408 || status === 429 || (status >= 500 && status !== 507)) return { do: 'retry' };
  return { do: 'stop', code: problem.code ?? 'internal' };
}

const types: Record<string, string> = {
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  webm: 'video/webm',
  mov: 'video/quicktime',
};
const known = new Set(Object.values(types));

/** The declared type without parameters; by the name where the browser knows none. '' for what is no video of ours. */
export function mediaType(type: string, name: string): string {
  const plain = type.split(';')[0]?.trim().toLowerCase() ?? '';
  if (known.has(plain)) return plain;
  return plain === '' ? (types[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? '') : '';
}
