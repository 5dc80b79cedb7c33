import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/verify';

export const verify = catalogue('verify', en);
