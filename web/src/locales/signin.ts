import { catalogue } from '$lib/i18n/index.svelte';
import en from './en/signin';

export const signIn = catalogue('signin', en);
