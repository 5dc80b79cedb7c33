import type { Topic } from '$lib/api/types';
import { troubledAttempt, type Attempt } from '$lib/webauthn/attempt';
import { dropOld } from './kept';
import { Upload } from './upload.svelte';

interface Saved {
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

/** What has been written so far of a request. It stays over pages and reloads of this tab, and goes when it is sent. */
class RequestDraft {
  topic = $state<Topic>('other');
  body = $state('');
  email = $state('');
  upload = $state.raw<Upload>();

  #recording = '';
  #name = '';
  #opened = false;

  /** Reads what this tab has kept; the first visit takes the topic from what failed last. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    let saved: Saved | null = null;
    try {
      saved = JSON.parse(sessionStorage.getItem(place) ?? 'null') as Saved | null;
    } catch {
      // Kept by nobody: it begins empty.
    }
    const attempt = troubledAttempt();
    this.topic = saved?.topic ?? (attempt?.failure ? byOperation[attempt.operation] : 'other');
    this.body = saved?.body ?? '';
    this.email = saved?.email ?? '';
    this.#recording = saved?.recording ?? '';
    this.#name = saved?.name ?? '';
    void dropOld(Date.now());
    if (this.#recording) void this.find();
  }

  /** Goes on with the recording that this tab had before it was loaded anew. */
  find = async (): Promise<void> => {
    if (!this.#recording || this.upload) return;
    try {
      const upload = await Upload.resume(this.#recording, this.#name);
      if (upload) this.upload = upload;
      else this.#recording = '';
    } catch {
      // No answer: asked for again with the connection.
      addEventListener('online', () => void this.find(), { once: true });
    }
  };

  save(): void {
    this.#recording = this.upload?.recording?.id ?? (this.upload ? '' : this.#recording);
    this.#name = this.upload?.name ?? this.#name;
    const saved: Saved = {
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
  replace(upload: Upload | undefined): void {
    const before = this.upload;
    this.upload = upload;
    this.#recording = '';
    if (before) void before.remove();
    this.save();
  }

  /** It has been sent. */
  clear(): void {
    this.upload = undefined;
    this.body = '';
    this.email = '';
    this.#recording = '';
    this.#opened = false;
    try {
      sessionStorage.removeItem(place);
    } catch {
      // Nothing to remove.
    }
  }
}

export const draft = new RequestDraft();
