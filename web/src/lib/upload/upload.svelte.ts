import { api, ApiError, isApiError } from '$lib/api/client';
import type { Problem, Recording } from '$lib/api/types';
import { drop, find, keep } from './kept';
import { backoffMs, judge, Pace, pieceAt } from './pieces';

export type UploadState =
  | 'starting' // being declared
  | 'sending'
  | 'paused' // by hand
  | 'waiting' // no answer: tried again by itself
  | 'checking' // all sent, judged by its content
  | 'ready'
  | 'refused' // by its content
  | 'failed'; // not to be had again

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
  #request: XMLHttpRequest | undefined;
  #wake: (() => void) | undefined;
  #removed = false;

  private constructor(name: string, blob: Blob | undefined, durationMs: number | null, total: number) {
    this.name = name;
    this.blob = blob;
    this.durationMs = durationMs;
    this.total = total;
  }

  /** Declares the recording and begins to send it. */
  static begin(from: {
    blob: Blob;
    name: string;
    type: string;
    durationMs: number | null;
    captured: 'screen' | 'file';
    startedAt: number | null;
  }): Upload {
    const upload = new Upload(from.name, from.blob, from.durationMs, from.blob.size);
    void upload.#declare(from.type, from.captured, from.startedAt);
    return upload;
  }

  /** Finds an upload again by its id, after a reload: what the server has, and what this browser still holds of it. */
  static async resume(id: string, name: string): Promise<Upload | null> {
    const kept = await find(id);
    let recording: Recording;
    try {
      recording = await api.get<Recording>(`/v1/recordings/${id}`, { anonymous: true });
    } catch (error) {
      if (isApiError(error, 'not_found')) {
        await drop(id);
        return null;
      }
      if (!kept) throw error;
      // No answer now: it goes on from the beginning, and the server says from where.
      const upload = new Upload(kept.name, kept.blob, kept.durationMs, kept.blob.size);
      upload.recording = { id, state: 'uploading', bytes: kept.blob.size, stored: 0 } as Recording;
      if (kept.paused) upload.state = 'paused';
      else void upload.#run();
      return upload;
    }
    if (recording.state === 'deleted') {
      await drop(id);
      return null;
    }
    const upload = new Upload(
      kept?.name ?? name,
      kept?.blob,
      kept?.durationMs ?? recording.duration_ms,
      recording.bytes,
    );
    upload.#take(recording);
    if (recording.state === 'uploading') {
      if (kept && kept.blob.size === recording.bytes) {
        if (kept.paused) upload.state = 'paused';
        else void upload.#run();
      } else {
        // The browser has lost it: there is nothing left to send.
        await upload.remove();
        return null;
      }
    } else void drop(id);
    return upload;
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
    void this.#keep();
  };

  resume = (): void => {
    if (this.state !== 'paused' && !(this.state === 'failed' && this.recording)) return;
    void this.#run();
    void this.#keep();
  };

  /** Takes it back, here and on the server. */
  remove = async (): Promise<void> => {
    this.#removed = true;
    this.#request?.abort();
    this.#wake?.();
    const id = this.recording?.id;
    if (!id) return;
    await drop(id);
    await api.delete(`/v1/recordings/${id}`, { anonymous: true }).catch(() => undefined);
  };

  async #declare(type: string, captured: 'screen' | 'file', startedAt: number | null): Promise<void> {
    try {
      const recording = await api.post<Recording>(
        '/v1/recordings',
        {
          bytes: this.total,
          media_type: type,
          captured,
          // The device's clock may be wrong; what has passed on it is not.
          started_ms_ago: startedAt === null ? undefined : Math.max(0, Date.now() - startedAt),
        },
        { anonymous: true },
      );
      this.#take(recording);
      if (this.#removed) {
        await this.remove();
        return;
      }
      await this.#keep();
      await this.#run();
    } catch (error) {
      this.error = error;
      this.state = 'failed';
    }
  }

  /** Keeps it in the browser as it stands. */
  async #keep(): Promise<void> {
    const { recording, blob, name, durationMs } = this;
    if (!recording || recording.state !== 'uploading' || !blob || this.#removed) return;
    await keep({ id: recording.id, blob, name, durationMs, at: Date.now(), paused: this.#stopped() });
  }

  #running = false;

  async #run(): Promise<void> {
    if (this.#running || !this.recording || !this.blob) return;
    this.#running = true;
    this.state = 'sending';
    this.error = undefined;
    this.#pace.reset();
    let failures = 0;
    try {
      while (!this.#removed && this.recording.state === 'uploading' && !this.#stopped()) {
        const offset = this.recording.stored;
        this.#pace.take(performance.now(), offset);
        this.secondsLeft = this.#pace.secondsLeft(this.total);
        const { from, to } = pieceAt(offset, this.total, this.recording.piece || undefined);
        const { status, body } = await this.#send(this.recording.id, from, this.blob.slice(from, to));
        if (this.#removed || this.#stopped()) break;
        if (status === 200) {
          failures = 0;
          this.state = 'sending';
          this.#take(body as Recording);
          continue;
        }
        const next = judge(status, body as Problem);
        if (next.do === 'go_on') {
          // Sent whole and not yet judged: what it became is for the server to say.
          if (next.offset >= this.total) await this.#ask();
          else this.#take({ ...this.recording, stored: next.offset });
        } else if (next.do === 'stop') {
          this.error = new ApiError({ ...(body as Problem), code: next.code, status });
          this.state = 'failed';
          return;
        } else {
          this.state = 'waiting';
          this.sent = this.recording.stored;
          this.secondsLeft = null;
          this.#pace.reset();
          await this.#rest(backoffMs(++failures));
          if (this.#stopped()) break;
          this.state = 'sending';
          // The answer that got lost may have been a yes.
          await this.#ask();
        }
      }
    } finally {
      this.#running = false;
    }
    if (this.recording.state !== 'uploading') await drop(this.recording.id);
  }

  // Asked through a method: what stands in the field may change while something is awaited.
  #stopped(): boolean {
    return this.state === 'paused';
  }

  async #ask(): Promise<void> {
    const id = this.recording?.id;
    if (!id) return;
    try {
      this.#take(await api.get<Recording>(`/v1/recordings/${id}`, { anonymous: true }));
    } catch {
      // The next piece is answered, or is not.
    }
  }

  /** By XMLHttpRequest: fetch does not tell how much has left, and a piece takes long on a bad line. */
  #send(id: string, offset: number, piece: Blob): Promise<{ status: number; body: unknown }> {
    if (!navigator.onLine) return Promise.resolve({ status: 0, body: {} });
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open('PATCH', `/v1/recordings/${id}`);
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
    if (recording.state !== 'uploading') this.secondsLeft = null;
  }
}
