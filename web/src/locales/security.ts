import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/security';

export const security = catalogue('security', en);
