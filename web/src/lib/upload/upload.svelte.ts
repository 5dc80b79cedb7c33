import { api, ApiError, isApiError } from '$lib/api/client';
import type { Problem, Recording } from '$lib/api/types';
import { drop, find, isPaused, keep, notePaused } from './kept';
import { backoffMs, judge, Pace, pieceAt } from './pieces';

export type UploadState =
  | 'starting' // being declared
  | 'sending'
  | 'paused' // by hand
  | 'waiting' // no answer: tried again by itself
  | 'checking' // all sent, judged by its content
  | 'ready'
  | 'refused' // by its content
  | 'failed'; // by the service, for good or until it is asked again

/** A recording as it was made or chosen. */
export interface Candidate {
  blob: Blob;
  name: string;
  type: string;
  durationMs: number | null;
  captured: 'screen' | 'file';
  /** When it began, if that is known. */
  startedAt: number | null;
}

interface Answer {
  /** 0: none came. */
  status: number;
  body: unknown;
}

/**
 * One recording on its way to the server, in pieces. A broken connection, a restarted server and a reload of the page cost
 * at most the piece that was under way.
 */
export class Upload {
  state = $state<UploadState>('starting');
  recording = $state.raw<Recording>();
  sent = $state(0);
  secondsLeft = $state<number | null>(null);
  /** Why it failed: what the server answered. */
  error = $state.raw<unknown>();

  readonly name: string;
  readonly blob: Blob | undefined;
  readonly durationMs: number | null;
  readonly total: number;

  readonly #pace = new Pace();
  #id = $state('');
  #declaration: Candidate | undefined;
  /** What the server has is not known: it is asked before anything else is sent. */
  #unsure = false;
  #removed = false;
  /** In this browser's own store, or on its way into it. */
  #kept: Promise<boolean> = Promise.resolve(true);
  #work: Promise<void> | undefined;
  #request: XMLHttpRequest | undefined;
  #wake: (() => void) | undefined;

  private constructor(name: string, blob: Blob | undefined, durationMs: number | null, total: number) {
    this.name = name;
    this.blob = blob;
    this.durationMs = durationMs;
    this.total = total;
  }

  /** Declares the recording and sends it, once what it takes the place of is gone: there is no room for both. */
  static begin(from: Candidate, after?: Promise<void>): Upload {
    const upload = new Upload(from.name, from.blob, from.durationMs, from.blob.size);
    upload.#declaration = from;
    void Promise.resolve(after).then(() => upload.#go());
    return upload;
  }

  /**
   * Finds an upload again by its id, after a reload: what the server has, and what this browser still holds of it. `gone`:
   * the server has none; `lost`: it was only half there, and the browser could not keep the other half.
   */
  static async resume(id: string, name: string): Promise<Upload | 'gone' | 'lost'> {
    const kept = await find(id);
    let recording: Recording | undefined;
    try {
      recording = await api.get<Recording>(`/v1/recordings/${id}`, { anonymous: true });
    } catch (error) {
      if (isApiError(error, 'not_found')) {
        await drop(id);
        return 'gone';
      }
      if (isApiError(error) && judge(error.status, error.problem).do === 'stop') return 'gone';
      if (!kept) throw error;
    }
    if (recording?.state === 'deleted') {
      await drop(id);
      return 'gone';
    }
    const upload = new Upload(
      kept?.name ?? name,
      kept?.blob,
      kept?.durationMs ?? recording?.duration_ms ?? null,
      recording?.bytes ?? kept?.blob.size ?? 0,
    );
    upload.#id = id;
    upload.#unsure = !recording;
    if (recording) upload.#take(recording);
    if (recording && recording.state !== 'uploading') void drop(id);
    else if (kept && kept.blob.size === upload.total) {
      if (isPaused(id)) upload.state = 'paused';
      else upload.#go();
    } else {
      await upload.remove();
      return 'lost';
    }
    return upload;
  }

  /** The server's, '' until it is declared. */
  get id(): string {
    return this.#id;
  }

  get percent(): number {
    return this.total ? Math.floor((this.sent * 100) / this.total) : 0;
  }

  get arrived(): boolean {
    return this.state === 'ready';
  }

  pause = (): void => {
    if (this.state !== 'sending' && this.state !== 'waiting') return;
    this.state = 'paused';
    this.#pace.reset();
    this.secondsLeft = null;
    this.sent = this.recording?.stored ?? 0;
    this.#request?.abort();
    this.#wake?.();
    if (this.#id) notePaused(this.#id, true);
  };

  /** Goes on, or tries again what failed. */
  resume = (): void => {
    if (this.state !== 'paused' && this.state !== 'failed') return;
    if (this.#id) notePaused(this.#id, false);
    // What the server no longer knows is declared anew.
    if (isApiError(this.error, 'not_found') && this.#declaration) this.#id = '';
    this.state = this.#id ? 'sending' : 'starting';
    this.error = undefined;
    this.#unsure = this.#id !== '';
    this.#go();
  };

  /** Takes it back, here and on the server. */
  remove = async (): Promise<void> => {
    this.#removed = true;
    this.#request?.abort();
    this.#wake?.();
    await this.#work;
    if (!this.#id) return;
    void this.#forget();
    await api.delete(`/v1/recordings/${this.#id}`, { anonymous: true }).catch(() => undefined);
  };

  #go(): void {
    // One at a time. What was paused a moment ago is over first.
    this.#work = Promise.resolve(this.#work).then(() => this.#run());
  }

  async #run(): Promise<void> {
    if (!this.blob) return;
    this.#pace.reset();
    let failures = 0;
    while (this.#goesOn()) {
      const { status, body } = await this.#next(this.blob);
      if (status === 200) {
        this.#unsure = false;
        const before = this.recording?.stored ?? 0;
        this.#take(body as Recording);
        // That it answers is not yet that it takes something.
        if (this.sent > before) failures = 0;
        continue;
      }
      if (!this.#goesOn()) break;
      const next = judge(status, body as Problem);
      if (next.do === 'stop') {
        this.error = new ApiError({ ...(body as Problem), code: next.code, status });
        this.state = 'failed';
      } else if (next.do === 'go_on' && this.recording && next.offset !== this.recording.stored) {
        // Sent whole and not yet judged: what it became is for the server to say.
        if (next.offset >= this.total) this.#unsure = true;
        else this.#take({ ...this.recording, stored: next.offset });
      } else {
        this.state = 'waiting';
        this.sent = this.recording?.stored ?? 0;
        this.secondsLeft = null;
        this.#pace.reset();
        await this.#rest(backoffMs(++failures));
        // The answer that got lost may have been a yes.
        this.#unsure = this.#id !== '';
      }
    }
    removeEventListener('beforeunload', warn);
    if (this.state === 'ready' || this.state === 'refused') void this.#forget();
  }

  // Asked through a method: what stands in the fields may change while something is awaited.
  #goesOn(): boolean {
    return !this.#removed && !['paused', 'ready', 'refused', 'failed'].includes(this.state);
  }

  /** The next thing to ask of the server. */
  async #next(blob: Blob): Promise<Answer> {
    const { recording } = this;
    if (!this.#id) return this.#declare();
    if (this.#unsure || !recording) {
      return answerOf(api.get<Recording>(`/v1/recordings/${this.#id}`, { anonymous: true }));
    }
    this.#pace.take(performance.now(), recording.stored);
    this.secondsLeft = this.#pace.secondsLeft(this.total);
    const { from, to } = pieceAt(recording.stored, this.total, recording.piece);
    this.state = 'sending';
    return this.#send(from, blob.slice(from, to));
  }

  async #declare(): Promise<Answer> {
    const from = this.#declaration;
    if (!from) return { status: 404, body: { code: 'not_found' } };
    const answer = await answerOf(
      api.post<Recording>(
        '/v1/recordings',
        {
          bytes: this.total,
          media_type: from.type,
          captured: from.captured,
          // The device's clock may be wrong; what has passed on it is not.
          started_ms_ago: from.startedAt === null ? undefined : Math.max(0, Date.now() - from.startedAt),
        },
        { anonymous: true },
      ),
    );
    if (answer.status !== 200) return answer;
    this.#id = (answer.body as Recording).id;
    this.#keep();
    // What it could not keep would be lost with the page.
    void this.#kept.then((kept) => !kept && this.#goesOn() && addEventListener('beforeunload', warn));
    return answer;
  }

  /** Keeps it in this browser's own store. Not waited for: a browser whose store does not answer sends all the same. */
  #keep(): void {
    const { blob, name, durationMs } = this;
    if (!blob || !this.#id || this.#removed) return;
    const id = this.#id;
    this.#kept = this.#kept.then(() => keep({ id, blob, name, durationMs, at: Date.now() }));
  }

  async #forget(): Promise<void> {
    await this.#kept;
    await drop(this.#id);
  }

  /** By XMLHttpRequest: fetch does not tell how much has left, and a piece takes long on a bad line. */
  #send(offset: number, piece: Blob): Promise<Answer> {
    if (!navigator.onLine) return Promise.resolve({ status: 0, body: {} });
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open('PATCH', `/v1/recordings/${this.#id}`);
      request.setRequestHeader('Content-Type', 'application/offset+octet-stream');
      request.setRequestHeader('Upload-Offset', String(offset));
      request.setRequestHeader('Accept', 'application/json, application/problem+json');
      request.upload.onprogress = ({ loaded }) => {
        if (this.state === 'sending') this.sent = offset + Math.min(loaded, piece.size);
      };
      // All of it has left: what is waited for now is what it was found to be.
      request.upload.onload = () => {
        if (this.state === 'sending' && offset + piece.size >= this.total) this.state = 'checking';
      };
      // Whether it failed, was stopped or was answered: without an answer the status is 0.
      request.onloadend = () => {
        let body: unknown = {};
        try {
          body = JSON.parse(request.responseText);
        } catch {
          // No answer, or none of ours.
        }
        resolve({ status: request.status, body });
      };
      request.send(piece);
    });
  }

  /** Waits, but no longer than until the connection is back. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        removeEventListener('online', go);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(go, ms);
      addEventListener('online', go);
      this.#wake = go;
    });
  }

  #take(recording: Recording): void {
    this.recording = recording;
    this.sent = recording.stored;
    if (recording.state === 'ready') this.state = 'ready';
    else if (recording.state !== 'uploading') this.state = 'refused';
    else if (this.state !== 'paused') this.state = 'sending';
    if (recording.state !== 'uploading') this.secondsLeft = null;
  }
}

async function answerOf(asked: Promise<Recording>): Promise<Answer> {
  try {
    return { status: 200, body: await asked };
  } catch (error) {
    return isApiError(error) ? { status: error.status, body: error.problem } : { status: 0, body: {} };
  }
}

function warn(event: BeforeUnloadEvent) {
  event.preventDefault();
}
