import type { BrowserContext, ConsoleMessage, Page, Request } from '@playwright/test';

/** One call of navigator.credentials, as the page made it. */
export interface CredentialCall {
  method: 'create' | 'get';
  mediation: string;
  path: string;
  /** The public-key options, with bytes as base64url. */
  options: {
    challenge?: string;
    rpId?: string;
    attestation?: string;
    userVerification?: string;
    authenticatorSelection?: { residentKey?: string; userVerification?: string };
    allowCredentials?: { id: string }[];
    excludeCredentials?: { id: string }[];
  } & Record<string, unknown>;
}

/**
 * Watches one browser: every call of navigator.credentials, every request, and every fault. An uncaught exception, an
 * error or warning in the console, an answer of the service that is its own fault, and any request to another origin
 * fail the test, unless it says that it brings them about.
 */
export class Gate {
  readonly calls: CredentialCall[] = [];
  readonly requests: { method: string; url: string; body: string }[] = [];
  readonly #faults: string[] = [];
  readonly #origins: string[];
  #expected: RegExp[] = [];

  private constructor(origin: string) {
    this.#origins = [origin];
  }

  static async around(context: BrowserContext, origin: string): Promise<Gate> {
    const gate = new Gate(origin);
    await context.exposeBinding('recordCredentialCall', (_, call: CredentialCall) => void gate.calls.push(call));
    await context.addInitScript(spyOnCredentials);
    context.on('weberror', (fault) => gate.#fault(`uncaught: ${fault.error().stack ?? fault.error().message}`));
    context.on('console', (message) => gate.#heard(message));
    context.on('request', (request) => gate.#sent(request));
    context.on('response', (response) => {
      if (response.status() >= 500) gate.#fault(`${response.url()} answered ${response.status()}`);
    });
    return gate;
  }

  /** A fault that this test brings about on purpose. */
  expect(...faults: RegExp[]): void {
    this.#expected.push(...faults);
  }

  /** Another page that this test opens itself, such as an attacker's. */
  allowOrigin(origin: string): void {
    this.#origins.push(origin);
  }

  /** The faults that nobody said would come. */
  get faults(): string[] {
    return this.#faults.filter((fault) => !this.#expected.some((expected) => expected.test(fault)));
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }

  #heard(message: ConsoleMessage): void {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // Chromium writes a line for every answer of 400 to 499; a refusal of the API is none of the page's faults.
    const refusal = /^Failed to load resource: the server responded with a status of 4\d\d/.test(message.text());
    if (refusal && new URL(message.location().url).pathname.startsWith('/v1/')) return;
    this.#fault(`console ${message.type()}: ${message.text()} (${message.location().url})`);
  }

  #sent(request: Request): void {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && !this.#origins.includes(url.origin)) {
      this.#fault(`request to another origin: ${request.url()}`);
    }
    this.requests.push({ method: request.method(), url: request.url(), body: request.postData() ?? '' });
  }
}

/** Runs in the page before anything of its own: the browser offers no passkeys in autofill lists, as many do not. */
export function withoutAutofill() {
  if (typeof PublicKeyCredential === 'undefined') return;
  PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
}

/** Runs in the page before anything of its own. */
function spyOnCredentials() {
  const readable = (value: unknown): unknown => {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const bytes =
        value instanceof ArrayBuffer
          ? new Uint8Array(value)
          : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      return btoa(String.fromCharCode(...bytes))
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '');
    }
    if (Array.isArray(value)) return value.map(readable);
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, readable(each)]));
    }
    return value;
  };
  // Pages that are no secure context, such as about:blank, have no such thing.
  if (typeof CredentialsContainer === 'undefined') return;
  const container = CredentialsContainer.prototype;
  for (const method of ['create', 'get'] as const) {
    const real = Object.getOwnPropertyDescriptor(container, method)?.value as (options?: object) => Promise<unknown>;
    container[method] = function (this: CredentialsContainer, options?: CredentialRequestOptions) {
      const record = (window as unknown as { recordCredentialCall: (call: unknown) => Promise<void> })
        .recordCredentialCall;
      void record({
        method,
        mediation: options?.mediation ?? '',
        path: location.pathname,
        options: readable(options?.publicKey) ?? {},
      });
      return real.call(this, options);
    } as never;
  }
}

/** What a page did wrong that has no event of its own: it scrolls sideways. */
export function scrollsSideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
