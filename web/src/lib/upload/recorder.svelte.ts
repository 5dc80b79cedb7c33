import { mount, unmount } from 'svelte';
import { bitsPerSecond, type Limits } from './limits';
import RecordingBar from './RecordingBar.svelte';
import type { Candidate } from './upload.svelte';

/** Why a recording did not begin: `refused` by whoever was asked, or by the system; `impossible` for this browser. */
export type NotRecorded = 'refused' | 'impossible';

const formats = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];

/** Whether this browser can record a screen: phones mostly cannot, and send a file that their system recorded. */
export function canRecord(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function' && typeof MediaRecorder === 'function';
}

/** Which message a recording is for, and the page where that is written. */
export interface For {
  place: string;
  page: string;
}

/**
 * Records the screen, and goes on while the customer walks through the app: what fails is seldom on the page where one
 * asks for help. The bar with Stop stands over every page as long as it runs.
 */
class Recorder {
  state = $state<'idle' | 'recording' | 'stopped'>('idle');
  startedAt = $state(0);
  /** What was recorded, until its message takes it. */
  taken = $state.raw<Candidate>();
  /** The last recording was stopped before there was anything in it; the place of its message. */
  empty = $state('');
  #for = $state.raw<For>({ place: '', page: '' });

  #media: MediaRecorder | undefined;
  #bar: Record<string, unknown> | undefined;

  get place(): string {
    return this.#for.place;
  }

  get page(): string {
    return this.#for.page;
  }

  /** Opens the browser's own choice of screen, window or tab. Call from a tap. Undefined: it records. */
  start = async (
    { bytes: maxBytes, ms: maxMs }: Pick<Limits, 'bytes' | 'ms'>,
    message: For,
  ): Promise<NotRecorded | undefined> => {
    this.taken = undefined;
    this.empty = '';
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { max: 15 } },
        audio: false,
        // The page itself may be what is shown, but it does not put itself forward.
        selfBrowserSurface: 'include',
        surfaceSwitching: 'include',
      } as DisplayMediaStreamOptions);
    } catch (error) {
      const refused =
        error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError');
      return refused ? 'refused' : 'impossible';
    }
    const chunks: Blob[] = [];
    let bytes = 0;
    let media: MediaRecorder;
    try {
      const mimeType = formats.find((each) => MediaRecorder.isTypeSupported(each));
      const videoBitsPerSecond = bitsPerSecond({ bytes: maxBytes, ms: maxMs });
      media = new MediaRecorder(stream, { mimeType, videoBitsPerSecond });
      media.start(1000);
    } catch {
      // It would go on being shared, with nothing to stop it by.
      end(stream);
      return 'impossible';
    }
    this.#media = media;
    this.#for = message;
    this.startedAt = Date.now();
    this.state = 'recording';
    const limit = setTimeout(this.stop, maxMs);
    addEventListener('beforeunload', warn);
    this.#bar ??= mount(RecordingBar, { target: document.body });
    media.ondataavailable = (event) => {
      chunks.push(event.data);
      bytes += event.data.size;
      // What the next second may bring has to fit too, and the end of the file.
      if (bytes + 2 * event.data.size > maxBytes) this.stop();
    };
    media.onstop = () => {
      end(stream);
      clearTimeout(limit);
      removeEventListener('beforeunload', warn);
      this.#media = undefined;
      const type = (media.mimeType.split(';')[0] ?? '').trim() || 'video/webm';
      const blob = new Blob(chunks, { type });
      if (blob.size === 0) {
        this.state = 'idle';
        this.empty = message.place;
        this.#hideBar();
        return;
      }
      this.taken = {
        blob,
        name: `screen.${type === 'video/mp4' ? 'mp4' : 'webm'}`,
        type,
        durationMs: Date.now() - this.startedAt,
        captured: 'screen',
        startedAt: this.startedAt,
      };
      this.state = 'stopped';
    };
    // The browser's own "Stop sharing" is a stop too.
    stream.getVideoTracks()[0]?.addEventListener('ended', this.stop);
    return undefined;
  };

  stop = (): void => {
    if (this.#media && this.#media.state !== 'inactive') this.#media.stop();
  };

  /** Hands over what was recorded for this message, once: when it is decided on. */
  take = (place: string): Candidate | undefined => {
    if (this.state !== 'stopped' || place !== this.place) return undefined;
    const taken = this.taken;
    this.taken = undefined;
    this.state = 'idle';
    this.#hideBar();
    return taken;
  };

  #hideBar(): void {
    const bar = this.#bar;
    this.#bar = undefined;
    if (bar) void unmount(bar);
  }
}

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function warn(event: BeforeUnloadEvent) {
  event.preventDefault();
}

export const recorder = new Recorder();
