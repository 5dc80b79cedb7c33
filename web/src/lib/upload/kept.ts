/** Recordings that are on their way, in this browser's own store until they have arrived; then they are deleted from it. */
export interface Kept {
  /** The server's id of the recording. */
  id: string;
  blob: Blob;
  name: string;
  durationMs: number | null;
  at: number;
}

const name = 'recordings';

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('countersign', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(name, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('no store'));
  });
}

async function within<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(name, mode);
      const request = act(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error ?? new Error('not kept'));
      transaction.onabort = () => reject(transaction.error ?? new Error('not kept'));
    });
  } finally {
    database.close();
  }
}

/** Keeps it over a reload. False: the store is closed to us or full, and the upload goes on without. */
export function keep(kept: Kept): Promise<boolean> {
  return within('readwrite', (store) => store.put(kept)).then(
    () => true,
    () => false,
  );
}

export async function find(id: string): Promise<Kept | undefined> {
  return within<Kept | undefined>('readonly', (store) => store.get(id) as IDBRequest<Kept | undefined>).catch(
    () => undefined,
  );
}

/** Notes at once, in this tab, that it was paused by hand: the page may be loaded anew in the next moment. */
export function notePaused(id: string, paused: boolean): void {
  try {
    if (paused) sessionStorage.setItem(`paused/${id}`, '1');
    else sessionStorage.removeItem(`paused/${id}`);
  } catch {
    // It lasts as long as the page.
  }
}

export function isPaused(id: string): boolean {
  try {
    return sessionStorage.getItem(`paused/${id}`) !== null;
  } catch {
    return false;
  }
}

export async function drop(id: string): Promise<void> {
  notePaused(id, false);
  await within('readwrite', (store) => store.delete(id)).catch(() => undefined);
}

/** What a tab left behind that was closed for good does not lie here: it goes after a day. */
export async function dropOld(now: number): Promise<void> {
  const all = await within<Kept[]>('readonly', (store) => store.getAll() as IDBRequest<Kept[]>).catch(() => []);
  for (const { id, at } of all) if (now - at > 24 * 3_600_000) await drop(id);
}
