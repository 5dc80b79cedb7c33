import type { Topic } from '$lib/api/types';
import { troubledAttempt, type Attempt } from '$lib/webauthn/attempt';
import { dropOld } from './kept';
import { backoffMs } from './pieces';
import { Upload, type Candidate } from './upload.svelte';

interface Saved {
  /** Whose it is: the account's id, '' without a session. */
  owner: string;
  topic: Topic;
  body: string;
  email: string;
  recording: string;
  name: string;
}

const place = 'request';

const byOperation: Record<Attempt['operation'], Topic> = {
  create: 'passkey_create_failed',
  sign_in: 'passkey_sign_in_failed',
  confirm: 'passkey_confirm_failed',
};

/**
 * What has been written so far of a request. It stays over pages and reloads of this tab, and goes when it is sent. Another
 * customer who signs in after one has left does not see it.
 */
class RequestDraft {
  topic = $state<Topic>('other');
  body = $state('');
  email = $state('');
  upload = $state.raw<Upload>();
  /** The recording was half uploaded when the page was loaded anew, and this browser could not keep it. */
  lost = $state(false);
  /** One that was uploaded is being looked for. */
  finding = $state(false);

  #recording = '';
  #name = '';
  #owner: string | undefined;

  /** Reads what this tab has kept; the first visit takes the topic from what failed last. */
  open(owner: string): void {
    if (this.#owner === owner) return;
    const before = this.#owner;
    this.#owner = owner;
    // What was begun without a session goes on with one.
    if (before === '') return;
    const saved = read();
    const mine = saved && (saved.owner === owner || saved.owner === '') ? saved : null;
    const attempt = troubledAttempt();
    this.topic = mine?.topic ?? (attempt?.failure ? byOperation[attempt.operation] : 'other');
    this.body = mine?.body ?? '';
    this.email = mine?.email ?? '';
    this.upload = undefined;
    this.lost = false;
    this.#recording = mine?.recording ?? '';
    this.#name = mine?.name ?? '';
    void dropOld(Date.now());
    void this.#find();
  }

  /** Goes on with the recording that this tab had before it was loaded anew. While nothing answers it is asked for again. */
  async #find(failures = 0): Promise<void> {
    const id = this.#recording;
    this.finding = id !== '';
    if (!id) return;
    try {
      const found = await Upload.resume(id, this.#name);
      if (this.#recording !== id) return;
      if (typeof found === 'string') {
        this.#recording = '';
        this.lost = found === 'lost';
      } else this.upload = found;
      this.finding = false;
    } catch {
      setTimeout(
        () => {
          if (this.#recording === id && !this.upload) void this.#find(failures + 1);
        },
        backoffMs(failures + 1),
      );
    }
  }

  save(): void {
    if (this.#owner === undefined) return;
    if (this.upload) {
      this.#recording = this.upload.id;
      this.#name = this.upload.name;
    }
    const saved: Saved = {
      owner: this.#owner,
      topic: this.topic,
      body: this.body,
      email: this.email,
      recording: this.#recording,
      name: this.#name,
    };
    try {
      sessionStorage.setItem(place, JSON.stringify(saved));
    } catch {
      // It lasts as long as the page.
    }
  }

  /** Takes another recording, or none, instead of the one there is. */
  replace(candidate?: Candidate): void {
    const gone = this.upload?.remove();
    this.upload = candidate && Upload.begin(candidate, gone);
    this.lost = false;
    this.finding = false;
    this.#recording = '';
    this.save();
  }

  /** It has been sent. */
  clear(): void {
    this.upload = undefined;
    this.body = '';
    this.email = '';
    this.lost = false;
    this.#recording = '';
    // Nothing more is kept until a request is begun again.
    this.#owner = undefined;
    try {
      sessionStorage.removeItem(place);
    } catch {
      // Nothing to remove.
    }
  }
}

function read(): Saved | null {
  try {
    return JSON.parse(sessionStorage.getItem(place) ?? 'null') as Saved | null;
  } catch {
    return null; // kept by nobody: it begins empty
  }
}

export const draft = new RequestDraft();
