import type { Component } from 'svelte';
import { fill, type Params, type Route } from '$lib/router.svelte';

// One level deep: a screen's own parts lie in folders below and are no pages.
const screens = import.meta.glob<{ default: Component<never> }>('../screens/*/*.svelte');

/** Every page of the app. Each is a chunk of its own: the login page loads none of the others. */
const table = {
  '/sign-in': { needs: 'none', screen: 'sign-in/SignIn' },
  '/register': { needs: 'none', screen: 'register/Register', then: '/security' },
  '/forgot': { needs: 'any', screen: 'forgot/Forgot' },

  '/': { needs: 'session', screen: 'home/Home' },
  '/security': { needs: 'session', screen: 'security/Security' },
  '/security/passkeys': { needs: 'session', screen: 'passkeys/Passkeys' },
  '/security/passkeys/new': { needs: 'session', screen: 'passkeys/CreatePasskey' },
  '/security/passkeys/:id': { needs: 'session', screen: 'passkeys/PasskeyDetail' },
  '/security/email': { needs: 'session', screen: 'factors/Factor', props: { kind: 'email' } },
  '/security/phone': { needs: 'session', screen: 'factors/Factor', props: { kind: 'phone' } },
  '/security/authenticator': { needs: 'session', screen: 'factors/Factor', props: { kind: 'authenticator' } },
  '/security/password': { needs: 'session', screen: 'factors/Password' },
  '/security/phrase': { needs: 'session', screen: 'security/Phrase' },
  '/security/devices': { needs: 'session', screen: 'security/Devices' },
  '/security/freeze': { needs: 'session', screen: 'security/Freeze' },
  '/activity': { needs: 'session', screen: 'security/Activity' },
  '/frozen': { needs: 'session', screen: 'security/Unfreeze' },
  '/not-me': { needs: 'any', screen: 'security/NotMe' },
  '/help': { needs: 'any', screen: 'security/Help' },
  '/doctor': { needs: 'any', screen: 'doctor/Doctor' },
  '/support': { needs: 'any', screen: 'support/Requests' },
  '/support/new': { needs: 'any', screen: 'support/NewRequest' },
  '/support/:id': { needs: 'session', screen: 'support/Request' },

  '/withdraw': { needs: 'session', screen: 'withdraw/Withdraw' },
  '/withdraw/:id': { needs: 'session', screen: 'withdraw/Review' },
  '/withdrawals': { needs: 'session', screen: 'withdraw/History' },
  '/addresses': { needs: 'session', screen: 'withdraw/Addresses' },

  '/operator': { needs: 'operator', screen: 'desk/Requests', stays: 'requests' },
  '/operator/requests/:id': { needs: 'operator', screen: 'desk/Requests', stays: 'requests' },
  '/operator/accounts': { needs: 'operator', screen: 'desk/Accounts' },
  '/operator/accounts/:id': { needs: 'operator', screen: 'desk/Account' },
  '/operator/numbers': { needs: 'operator', screen: 'desk/Numbers' },
  '/operator/team': { needs: 'operator', screen: 'desk/Team' },
  '/operator/log': { needs: 'operator', screen: 'desk/Log' },
  '/operator/check': { needs: 'operator', screen: 'desk/Check' },
  '/operator/sign-in': { needs: 'operator', screen: 'desk/SignIn' },
  '/operator/accept': { needs: 'operator', screen: 'desk/Accept' },

  '/demo/inbox': { needs: 'any', screen: 'demo/Inbox' },
} as const satisfies Record<
  string,
  { needs: Route['needs']; screen: string; props?: Record<string, unknown>; then?: string; stays?: string }
>;

export type Pattern = keyof typeof table;

export const routes: Route[] = Object.entries(table).map(([pattern, route]) => {
  const load = screens[`../screens/${route.screen}.svelte`];
  return {
    pattern,
    needs: route.needs,
    props: 'props' in route ? route.props : undefined,
    then: 'then' in route ? route.then : undefined,
    stays: 'stays' in route ? route.stays : undefined,
    load: load ?? (() => Promise.reject(new Error(`no screen ${route.screen}`))),
  };
});

/** A link to a page: the pattern is checked, and so are its parameters. */
export function href<P extends Pattern>(
  pattern: P,
  ...[params]: keyof Params<P> extends never ? [] : [Params<P>]
): string {
  return fill(pattern, params ?? {});
}
