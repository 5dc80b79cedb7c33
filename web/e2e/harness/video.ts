import { expect, type Locator, type Page } from '@playwright/test';
import type { Customer } from './customer';

/** A real WebM of so many bytes at least, made by the browser itself from noise that compresses badly. */
export async function noisyVideo(page: Page, atLeast: number): Promise<Buffer> {
  const base64 = await page.evaluate(async (atLeast) => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 480;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('no canvas');
    const media = new MediaRecorder(canvas.captureStream(15), {
      mimeType: 'video/webm',
      videoBitsPerSecond: 60_000_000,
    });
    const chunks: Blob[] = [];
    let bytes = 0;
    const done = new Promise((resolve) => (media.onstop = resolve));
    const enough = new Promise<void>((resolve) => {
      media.ondataavailable = (event) => {
        chunks.push(event.data);
        bytes += event.data.size;
        if (bytes >= atLeast) resolve();
      };
    });
    const image = context.createImageData(640, 480);
    const draw = () => {
      for (let i = 0; i < image.data.length; i += 65_536) {
        crypto.getRandomValues(image.data.subarray(i, Math.min(i + 65_536, image.data.length)));
      }
      context.putImageData(image, 0, 0);
    };
    const timer = setInterval(draw, 60);
    media.start(100);
    await enough;
    media.stop();
    await done;
    clearInterval(timer);
    const data = new Uint8Array(await new Blob(chunks).arrayBuffer());
    let text = '';
    for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
    return btoa(text);
  }, atLeast);
  return Buffer.from(base64, 'base64');
}

interface Shared {
  shared?: MediaStream;
  /** Bytes, of a noisy tab. */
  recorded?: number;
}

/**
 * Makes the tab the one that is shared. Chromium logs that it asks for a camera nobody wants when it is told so by a flag.
 * `noisy`: what is shown compresses badly, and is recorded as finely as asked, so that seconds become megabytes;
 * how many, a busy machine decides, so wait for {@link recordedBytes}.
 */
export async function sharesThisTab(customer: Customer, { noisy = false } = {}): Promise<void> {
  customer.gate.expect(/camera is not allowed/);
  await customer.page.addInitScript((noisy) => {
    if (typeof MediaDevices === 'undefined') return;
    const real = Object.getOwnPropertyDescriptor(MediaDevices.prototype, 'getDisplayMedia')?.value as (
      options: object,
    ) => Promise<MediaStream>;
    MediaDevices.prototype.getDisplayMedia = async function (options) {
      const stream = await real.call(this, { ...options, preferCurrentTab: true });
      (window as Shared).shared = stream;
      return stream;
    };
    if (!noisy) return;
    const Real = MediaRecorder;
    window.MediaRecorder = class extends Real {
      constructor(stream: MediaStream, options?: MediaRecorderOptions) {
        super(stream, { ...options, videoBitsPerSecond: 40_000_000 });
        const counts = window as Shared;
        counts.recorded = 0;
        this.addEventListener('dataavailable', ({ data }) => (counts.recorded = (counts.recorded ?? 0) + data.size));
      }
    };
    addEventListener('DOMContentLoaded', () => {
      const canvas = document.createElement('canvas');
      canvas.width = 640;
      canvas.height = 480;
      canvas.setAttribute('aria-hidden', 'true');
      Object.assign(canvas.style, { position: 'fixed', insetInline: '0', bottom: '0', pointerEvents: 'none' });
      document.body.append(canvas);
      const context = canvas.getContext('2d');
      const image = context?.createImageData(640, 480);
      setInterval(() => {
        if (!image) return;
        for (let i = 0; i < image.data.length; i += 65_536)
          crypto.getRandomValues(image.data.subarray(i, Math.min(i + 65_536, image.data.length)));
        context?.putImageData(image, 0, 0);
      }, 60);
    });
  }, noisy);
}

/** As the browser's own "Stop sharing" does it: the track ends, and nobody in the page has asked for that. */
export function stopsSharing(page: Page): Promise<void> {
  return page.evaluate(() => {
    const track = (window as Shared).shared?.getVideoTracks()[0];
    track?.stop();
    track?.dispatchEvent(new Event('ended'));
  });
}

/** Whether something of the screen is still being shared. */
export function isShared(page: Page): Promise<boolean> {
  return page.evaluate(
    () => (window as Shared).shared?.getTracks().some((track) => track.readyState === 'live') ?? false,
  );
}

export const recordingBar = (page: Page): Locator => page.getByRole('region', { name: 'Recording your screen' });

/** Waits until a recording has so many whole seconds, less than ten; a look at its clock may come later than that. */
export function recordedFor(page: Page, seconds: number): Promise<void> {
  return expect(recordingBar(page)).toContainText(new RegExp(`0:0[${String(seconds)}-9]|0:[1-5]\\d|[1-9]:\\d\\d`));
}

/** Waits until a noisy tab's recording has so many bytes at least. */
export function recordedBytes(page: Page, atLeast: number): Promise<void> {
  return expect
    .poll(() => page.evaluate(() => (window as Shared).recorded), { timeout: 40_000 })
    .toBeGreaterThanOrEqual(atLeast);
}
