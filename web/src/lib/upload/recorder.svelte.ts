import { mount, unmount } from 'svelte';
import RecordingBar from './RecordingBar.svelte';

/** What was recorded, until a request takes it. */
export interface Taken {
  blob: Blob;
  name: string;
  type: string;
  durationMs: number;
  startedAt: number;
}

export const maxRecordingMs = 5 * 60_000;
// Five minutes of it stay below the smaller of the server's two limits.
const bitsPerSecond = 1_100_000;
const maxBytes = 48 * 1024 * 1024;

const formats = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];

/** Whether this browser can record a screen: phones mostly cannot, and send a file that their system recorded. */
export function canRecord(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === 'function' && typeof MediaRecorder === 'function';
}

/**
 * Records the screen, and goes on while the customer walks through the app: what fails is seldom on the page where one
 * asks for help. The bar with Stop stands over every page as long as it runs.
 */
class Recorder {
  state = $state<'idle' | 'recording' | 'stopped'>('idle');
  startedAt = $state(0);
  taken = $state.raw<Taken>();

  #media: MediaRecorder | undefined;
  #stream: MediaStream | undefined;
  #bar: Record<string, unknown> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;

  /** Opens the browser's own choice of screen, window or tab. Call from a tap. False: it was closed without a choice. */
  start = async (): Promise<boolean> => {
    this.discard();
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
      if (error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError'))
        return false;
      throw error;
    }
    const mimeType = formats.find((each) => MediaRecorder.isTypeSupported(each));
    const media = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: bitsPerSecond });
    const chunks: Blob[] = [];
    let bytes = 0;
    media.ondataavailable = (event) => {
      chunks.push(event.data);
      bytes += event.data.size;
      if (bytes > maxBytes) this.stop();
    };
    media.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      clearTimeout(this.#limit);
      removeEventListener('beforeunload', warn);
      const type = (media.mimeType.split(';')[0] ?? '').trim() || 'video/webm';
      const blob = new Blob(chunks, { type });
      this.taken =
        blob.size > 0
          ? {
              blob,
              name: `screen.${type === 'video/mp4' ? 'mp4' : 'webm'}`,
              type,
              durationMs: Date.now() - this.startedAt,
              startedAt: this.startedAt,
            }
          : undefined;
      this.state = this.taken ? 'stopped' : 'idle';
      this.#media = undefined;
      if (!this.taken) this.#hideBar();
    };
    // The browser's own "Stop sharing" is a stop too.
    stream.getVideoTracks()[0]?.addEventListener('ended', () => this.stop());
    this.#stream = stream;
    this.#media = media;
    this.startedAt = Date.now();
    this.state = 'recording';
    media.start(1000);
    this.#limit = setTimeout(() => this.stop(), maxRecordingMs);
    addEventListener('beforeunload', warn);
    this.#showBar();
    return true;
  };

  stop = (): void => {
    if (this.#media && this.#media.state !== 'inactive') this.#media.stop();
  };

  /** Hands over what was recorded, once. */
  take = (): Taken | undefined => {
    const taken = this.taken;
    this.taken = undefined;
    if (this.state === 'stopped') this.state = 'idle';
    this.#hideBar();
    return taken;
  };

  /** Throws away what was recorded. */
  discard = (): void => {
    this.taken = undefined;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = undefined;
    this.state = 'idle';
    this.#hideBar();
  };

  #showBar(): void {
    this.#bar ??= mount(RecordingBar, { target: document.body });
  }

  #hideBar(): void {
    const bar = this.#bar;
    this.#bar = undefined;
    if (bar) void unmount(bar);
  }
}

function warn(event: BeforeUnloadEvent) {
  event.preventDefault();
}

export const recorder = new Recorder();
