import { api, newIdempotencyKey } from '$lib/api/client';
import type { Withdrawal } from '$lib/api/types';

type Request = Pick<Withdrawal, 'asset' | 'network' | 'address' | 'memo' | 'amount'>;

let last: { body: string; key: string } | undefined;

/**
 * Asks for a withdrawal. The same request, sent again because no answer came, is the same withdrawal; once it was
 * answered, or when anything in it differs, it is a new one.
 */
export async function send(request: Request): Promise<Withdrawal> {
  const { asset, network, address, memo, amount } = request;
  const body = JSON.stringify([asset, network, address, memo, amount]);
  if (last?.body !== body) last = { body, key: newIdempotencyKey() };
  const made = await api.post<Withdrawal>(
    '/v1/withdrawals',
    { asset, network, address, memo: memo || undefined, amount },
    { idempotencyKey: last.key },
  );
  last = undefined;
  return made;
}
