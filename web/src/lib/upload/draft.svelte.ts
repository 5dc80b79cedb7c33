import type { Topic } from '$lib/api/types';
import { troubledAttempt, type Attempt } from '$lib/webauthn/attempt';
import { dropOld } from './kept';
import { backoffMs } from './pieces';
import { recorder } from './recorder.svelte';
import { Upload, type Candidate } from './upload.svelte';

interface Saved {
  /** Whose it is: the account's id, '' without a session. */
  owner: string;
  body: string;
  recording: string;
  name: string;
}

/**
 * What has been written so far of a message to support, and the recording that goes along. It stays over pages and reloads of
 * this tab, and goes when it is sent. Another customer who signs in after one has left does not see it.
 */
export class Draft {
  body = $state('');
  upload = $state.raw<Upload>();
  /** The recording was half uploaded when the page was loaded anew, and this browser could not keep it. */
  lost = $state(false);
  /** One that was uploaded is being looked for. */
  finding = $state(false);
  /** Its name among what the tab keeps. */
  readonly place: string;

  #recording = '';
  #name = '';
  #owner: string | undefined;

  constructor(place: string) {
    this.place = place;
  }

  /** What it cannot be sent before, if anything. What was refused is not waited for: the message goes without it. */
  get waits(): 'recorded' | 'uploaded' | undefined {
    if (recorder.state !== 'idle' && recorder.place === this.place) return 'recorded';
    const uploading = this.upload !== undefined && !['ready', 'refused', 'failed'].includes(this.upload.state);
    return this.finding || uploading ? 'uploaded' : undefined;
  }

  /** The ids that a message takes along. */
  get recordings(): string[] {
    return this.upload?.arrived && this.upload.recording ? [this.upload.recording.id] : [];
  }

  /** Reads what this tab has kept. */
  open(owner: string): void {
    if (this.#owner === owner) return;
    const before = this.#owner;
    this.#owner = owner;
    // What was begun without a session goes on with one.
    if (before === '') return;
    const saved = this.#read();
    const mine = saved && (saved.owner === owner || saved.owner === '') ? saved : null;
    this.body = mine?.body ?? '';
    this.fill(mine);
    this.upload = undefined;
    this.lost = false;
    this.#recording = mine?.recording ?? '';
    this.#name = mine?.name ?? '';
    void dropOld(Date.now());
    void this.#find();
  }

  /** Takes what a form has besides from what was kept; null: nothing was. */
  protected fill(_saved: object | null): void {}

  /** What a form has besides. */
  protected more(): object {
    return {};
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
    const saved: Saved = { owner: this.#owner, body: this.body, recording: this.#recording, name: this.#name };
    try {
      sessionStorage.setItem(this.place, JSON.stringify({ ...saved, ...this.more() }));
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

  /** It has been sent. Nothing more is kept until it is opened again. */
  clear(): void {
    this.upload = undefined;
    this.body = '';
    this.fill(null);
    this.lost = false;
    this.finding = false;
    this.#recording = '';
    this.#owner = undefined;
    try {
      sessionStorage.removeItem(this.place);
    } catch {
      // Nothing to remove.
    }
  }

  #read(): (Saved & object) | null {
    try {
      return JSON.parse(sessionStorage.getItem(this.place) ?? 'null') as Saved | null;
    } catch {
      return null; // kept by nobody: it begins empty
    }
  }
}

const byOperation: Record<Attempt['operation'], Topic> = {
  create: 'passkey_create_failed',
  sign_in: 'passkey_sign_in_failed',
  confirm: 'passkey_confirm_failed',
};

/** A request that is still to be sent. The first visit takes the topic from what failed last. */
class RequestDraft extends Draft {
  topic = $state<Topic>('other');
  email = $state('');

  protected override fill(saved: { topic?: Topic; email?: string } | null): void {
    const attempt = troubledAttempt();
    this.topic = saved?.topic ?? (attempt?.failure ? byOperation[attempt.operation] : 'other');
    this.email = saved?.email ?? '';
  }

  protected override more(): object {
    return { topic: this.topic, email: this.email };
  }
}

export const request = new RequestDraft('request');

// What is followed is in the drafts themselves.
// eslint-disable-next-line svelte/prefer-svelte-reactivity
const answers = new Map<string, Draft>();

/** What has been written so far in a request that was sent. */
export function answerTo(ticket: string): Draft {
  let draft = answers.get(ticket);
  if (!draft) answers.set(ticket, (draft = new Draft(`answer/${ticket}`)));
  return draft;
}
