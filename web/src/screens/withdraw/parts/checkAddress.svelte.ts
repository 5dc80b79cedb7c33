import { api, isApiError } from '$lib/api/client';
import type { AddressCheck, Network } from '$lib/api/types';

const pauseMs = 300;

/** What the server has to say about an address while it is being entered, for one network; and where else it fits. */
export class AddressChecker {
  result = $state<AddressCheck>();
  /** It is no address of the chosen network, but one of this. */
  fits = $state<Network>();
  checking = $state(false);
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Asks after a pause in typing. `others`: networks that could have been meant. */
  ask(network: string, address: string, others: Network[]): void {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    this.result = undefined;
    this.fits = undefined;
    const asked = address !== '' && network !== '';
    this.checking = asked;
    if (!asked) return;
    this.#timer = setTimeout(() => void this.#run(turn, network, address, others), pauseMs);
  }

  async #run(turn: number, network: string, address: string, others: Network[]): Promise<void> {
    const check = (id: string) => api.post<AddressCheck>('/v1/addresses/check', { network: id, address });
    try {
      const result = await check(network);
      if (turn !== this.#turn) return;
      this.result = result;
      if (result.ok) return;
      for (const other of others) {
        if (other.id === network || !(await check(other.id)).ok) continue;
        if (turn === this.#turn) this.fits = other;
        return;
      }
    } catch (error) {
      // Without an answer the review still shows the whole address; only a refusal says something about it.
      if (turn === this.#turn && isApiError(error, 'address_invalid', 'invalid_request')) {
        this.result = { ok: false, groups: [], known: 'new', label: '', lookalike: null };
      }
    } finally {
      if (turn === this.#turn) this.checking = false;
    }
  }
}
