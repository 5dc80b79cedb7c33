import type { Withdrawal } from '$lib/api/types';
import { amount } from '$lib/format';
import type { Detail } from '$lib/ui/Details.svelte';
import { withdraw } from '$locales/withdraw';

/** A slip's rows, from the server's record and nothing else. */
export function rowsOf(w: Withdrawal, options: { withAmount?: boolean } = {}): Detail[] {
  const standard = w.standard.toLowerCase() === 'native' || w.standard === w.network_name ? undefined : w.standard;
  const rows: Detail[] = [{ label: withdraw.rowNetwork, value: w.network_name, extra: standard }];
  if (options.withAmount) rows.push({ label: withdraw.rowAmount, value: `${amount(w.amount)} ${w.asset}` });
  rows.push(
    { label: withdraw.rowFee, value: `${amount(w.fee)} ${w.asset}` },
    { label: withdraw.rowReceive, value: `${amount(w.receives)} ${w.asset}` },
  );
  if (w.memo) rows.push({ label: withdraw.rowMemo, value: w.memo });
  return rows;
}
