/** What a screen loads: nothing yet, an answer, or why there is none. Reloading keeps the last answer on the page. */
export class Resource<T> {
  value = $state<T>();
  error = $state<unknown>();
  loading = $state(false);
  #load: () => Promise<T>;
  #turn = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
    void this.reload();
  }

  /** Never rejects; a slower earlier answer does not overwrite a later one. */
  reload = async (): Promise<void> => {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const value = await this.#load();
      if (turn === this.#turn) {
        this.value = value;
        this.error = undefined;
      }
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  };
}
