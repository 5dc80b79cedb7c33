import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/withdraw';

export const withdraw = catalogue('withdraw', en);
