import { config } from '$lib/shared/config.svelte';
import { locale } from '$lib/i18n/index.svelte';
import { inAppBrowser } from '$lib/webauthn/classify';

/** What this browser tells of itself, asked without opening any window. Undefined or null: it does not tell. */
export interface Signals {
  secure: boolean;
  host: string;
  framed: boolean;
  /** The app whose browser this is, '' if it says no name, null for a browser of its own. */
  inApp: string | null;
  hasApi: boolean;
  /** A way to verify the user on this device itself: screen lock, Windows Hello, Touch ID. */
  uvpaa: boolean | undefined;
  conditional: boolean | undefined;
  capabilities: Record<string, boolean> | null;
  system: { name: SystemName; version: string };
  browser: { name: string; version: string };
  /** "Pixel 9", where the browser says so; for words on the screen only. */
  model: string;
  standalone: boolean;
  online: boolean;
  visible: boolean;
  locale: string;
}

export type SystemName = 'Android' | 'iOS' | 'iPadOS' | 'macOS' | 'Windows' | 'ChromeOS' | 'Linux' | '';

/** What is sent with an attempt: the same, without what is only for words. */
export interface ReportedEnvironment {
  platform: string;
  browser: string;
  app: string;
  capabilities: Record<string, boolean | null>;
  in_app?: string;
  standalone: boolean;
  secure: boolean;
  visible: boolean;
  locale: string;
}

interface Brand {
  brand: string;
  version: string;
}

interface UserAgentData {
  brands: Brand[];
  platform: string;
  getHighEntropyValues(
    hints: string[],
  ): Promise<{ platformVersion?: string; model?: string; fullVersionList?: Brand[] }>;
}

const browserNames: [RegExp, string][] = [
  [/Edg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/OPR\/(\d+)/, 'Opera'],
  [/SamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/Version\/(\d+(?:\.\d+)?).*Safari\//, 'Safari'],
];

/** Browser and version by the user agent's words. */
export function browserOf(userAgent: string): Signals['browser'] {
  for (const [pattern, name] of browserNames) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return { name, version };
  }
  return { name: '', version: '' };
}

/** System and version by the user agent's words; a version that browsers have frozen is left out. */
export function systemOf(userAgent: string, touchPoints = 0): Signals['system'] {
  const of = (name: SystemName, version = '') => ({ name, version });
  const ios = /OS (\d+)(?:_(\d+))?[_\d]* like Mac OS X/.exec(userAgent);
  if (/iPhone|iPod/.test(userAgent)) return of('iOS', ios?.[1]);
  if (/iPad/.test(userAgent)) return of('iPadOS', ios?.[1]);
  // An iPad that asks for desktop sites calls itself a Mac, and has fingers on its screen.
  if (/Macintosh/.test(userAgent)) return touchPoints > 1 ? of('iPadOS') : of('macOS');
  const android = /Android (\d+)/.exec(userAgent)?.[1];
  // Chrome says 10 whatever it is; the client hints know.
  if (/Android/.test(userAgent)) return of('Android', android === '10' ? '' : android);
  if (/Windows NT 6\.1/.test(userAgent)) return of('Windows', '7');
  if (/Windows NT 6\.[23]/.test(userAgent)) return of('Windows', '8');
  if (/Windows/.test(userAgent)) return of('Windows');
  if (/CrOS/.test(userAgent)) return of('ChromeOS');
  if (/Linux|X11/.test(userAgent)) return of('Linux');
  return of('');
}

/** What the client hints add: Windows' number follows Microsoft's table, where 13 and more are Windows 11. */
export function hinted(platform: string, version: string): Signals['system'] | null {
  const major = Number(version.split('.')[0]);
  switch (platform) {
    case 'Windows':
      return { name: 'Windows', version: major >= 13 ? '11' : major > 0 ? '10' : '' };
    case 'Android':
      return { name: 'Android', version: major ? String(major) : '' };
    case 'macOS':
      return { name: 'macOS', version: major ? String(major) : '' };
    case 'Chrome OS':
    case 'Chromium OS':
      return { name: 'ChromeOS', version: '' };
    default:
      return null;
  }
}

const brandNames: Record<string, string> = {
  'Microsoft Edge': 'Edge',
  'Google Chrome': 'Chrome',
  Opera: 'Opera',
  'Samsung Internet': 'Samsung Internet',
  Chromium: 'Chromium',
};

function framed(): boolean {
  try {
    return window.top !== window.self;
  } catch {
    return true;
  }
}

async function answered(ask: (() => Promise<boolean>) | undefined): Promise<boolean | undefined> {
  try {
    return await ask?.();
  } catch {
    return undefined;
  }
}

/** Without the extensions: none of them is needed, and there are many. */
function abilities(told: Record<string, boolean>): Record<string, boolean> {
  return Object.fromEntries(Object.entries(told).filter(([name]) => /^\w{1,40}$/.test(name)));
}

/** Asks the browser everything that it answers without a window. */
export async function gather(): Promise<Signals> {
  const agent = navigator.userAgent;
  const hasApi = typeof PublicKeyCredential === 'function' && typeof navigator.credentials?.get === 'function';
  const api = hasApi
    ? (PublicKeyCredential as unknown as {
        isUserVerifyingPlatformAuthenticatorAvailable?: () => Promise<boolean>;
        isConditionalMediationAvailable?: () => Promise<boolean>;
        getClientCapabilities?: () => Promise<Record<string, boolean>>;
      })
    : {};
  const data = (navigator as Navigator & { userAgentData?: UserAgentData }).userAgentData;
  const [uvpaa, conditional, capabilities, hints] = await Promise.all([
    answered(api.isUserVerifyingPlatformAuthenticatorAvailable?.bind(api)),
    answered(api.isConditionalMediationAvailable?.bind(api)),
    (api.getClientCapabilities?.() ?? Promise.resolve(null)).catch(() => null),
    data?.getHighEntropyValues(['platformVersion', 'model']).catch(() => undefined),
  ]);
  const brand = data?.brands.find((each) => brandNames[each.brand] && each.brand !== 'Chromium');
  return {
    secure: window.isSecureContext,
    host: location.host,
    framed: framed(),
    inApp: inAppBrowser(agent),
    hasApi,
    // The newer question and the older one: either is an answer.
    uvpaa: uvpaa ?? capabilities?.['userVerifyingPlatformAuthenticator'],
    conditional: conditional ?? capabilities?.['conditionalGet'],
    capabilities: capabilities ? abilities(capabilities) : null,
    system: (data && hinted(data.platform, hints?.platformVersion ?? '')) ?? systemOf(agent, navigator.maxTouchPoints),
    browser: brand ? { name: brandNames[brand.brand] ?? '', version: brand.version } : browserOf(agent),
    model: hints?.model ?? '',
    standalone:
      matchMedia('(display-mode: standalone)').matches ||
      (navigator as Navigator & { standalone?: boolean }).standalone === true,
    online: navigator.onLine,
    visible: document.visibilityState === 'visible',
    locale: locale(),
  };
}

export const named = ({ name, version }: { name: string; version: string }): string =>
  [name, version].filter(Boolean).join(' ');

/** The signals as an attempt carries them. */
export function reported(signals: Signals): ReportedEnvironment {
  return {
    platform: named(signals.system),
    browser: named(signals.browser),
    app: config()?.build ?? '',
    capabilities: {
      ...signals.capabilities,
      uvpaa: signals.uvpaa ?? null,
      conditional: signals.conditional ?? null,
      api: signals.hasApi,
      framed: signals.framed,
    },
    ...(signals.inApp !== null && { in_app: signals.inApp || 'unknown' }),
    standalone: signals.standalone,
    secure: signals.secure,
    visible: signals.visible,
    locale: signals.locale,
  };
}

let gathered: Promise<Signals> | undefined;

/** For attempts: asked once, as nothing of it changes from try to try but what is asked for freshly. */
export async function environment(): Promise<ReportedEnvironment> {
  const signals = await (gathered ??= gather());
  return reported({ ...signals, visible: document.visibilityState === 'visible' });
}
