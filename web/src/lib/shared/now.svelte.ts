/** The time, once a second while something on the page reads it in a template or effect. */
let value = $state(Date.now());
let readers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Call in a component's script; the returned function gives the time in milliseconds. */
export function ticking(): () => number {
  $effect(() => {
    if (readers++ === 0) {
      value = Date.now();
      timer = setInterval(() => (value = Date.now()), 1000);
    }
    return () => {
      if (--readers === 0) clearInterval(timer);
    };
  });
  return () => value;
}
