import type { Withdrawal } from '$lib/api/types';
import { withdraw } from '$locales/withdraw';

/** "Ines Halloran" is printed as "Ines H." where there is little room; a single name stays whole. */
export function shortName(name: string): string {
  const parts = name.trim().split(/\s+/);
  const last = parts.at(-1);
  return parts.length > 1 && last ? `${parts[0] ?? ''} ${[...last][0] ?? ''}.` : name;
}

/** What a withdrawal's address is called in a sentence: "to Ledger at home". */
export function toWhom(w: Pick<Withdrawal, 'label' | 'address_known'>): string {
  if (w.label) return withdraw.toName(w.label);
  return w.address_known === 'used' ? withdraw.toUsed : withdraw.toNew;
}

/** A withdrawal's state in a word or two. */
export function stateWord(w: Pick<Withdrawal, 'state' | 'approved_at'>): string {
  return w.state === 'expired' && w.approved_at ? withdraw.notPaid : withdraw.stateWord[w.state];
}
