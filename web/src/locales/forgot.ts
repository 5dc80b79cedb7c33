import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/forgot';

export const forgot = catalogue('forgot', en);
