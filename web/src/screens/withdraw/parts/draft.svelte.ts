import type { Withdrawal } from '$lib/api/types';

/**
 * What the form holds. It outlives the page, so that Back from the review finds it as it was; it is kept nowhere else,
 * and a reload forgets it.
 */
export interface Draft {
  asset: string;
  network: string;
  address: string;
  memo: string;
  amount: string;
}

export const draft = $state<Draft>({ asset: '', network: '', address: '', memo: '', amount: '' });

/** Fills the form from a withdrawal that ended, for another try. */
export function draftFrom(w: Pick<Withdrawal, 'asset' | 'network' | 'address' | 'memo' | 'amount'>): void {
  Object.assign(draft, { asset: w.asset, network: w.network, address: w.address, memo: w.memo, amount: w.amount });
}

/** After an approval nothing of it stays to be sent a second time. */
export function clearDraft(): void {
  Object.assign(draft, { asset: '', network: '', address: '', memo: '', amount: '' });
}
