import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/register';

export const register = catalogue('register', en);
