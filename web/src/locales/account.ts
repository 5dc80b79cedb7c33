import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/account';

export const words = catalogue('account', en);
