/** Round numbers from 0 to at least the largest value, four or five steps. */
export function niceTicks(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((m) => m * power >= rough) ?? 10) * power);
  const ticks = [0];
  while ((ticks.at(-1) ?? 0) < max) ticks.push((ticks.at(-1) ?? 0) + step);
  return ticks;
}

/** From a span of values to a span of pixels. */
export function linear(max: number, height: number): (value: number) => number {
  return (value) => (max > 0 ? height - (value / max) * height : height);
}

/** The same on a logarithmic scale; what is beyond its ends lies on them. */
export function logarithmic(min: number, max: number, height: number): (value: number) => number {
  const from = Math.log(min);
  const span = Math.log(max) - from;
  return (value) => height - ((Math.log(Math.min(Math.max(value, min), max)) - from) / span) * height;
}

const seconds = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1800];

/** The ticks in seconds that hold these times, the next below and above included; two at least. */
export function secondTicks(values: number[]): number[] {
  if (values.length === 0) return [1, 10];
  const last = seconds.length - 1;
  const below = seconds.findLastIndex((tick) => tick <= Math.min(...values));
  const above = seconds.findIndex((tick) => tick >= Math.max(...values));
  const from = Math.min(Math.max(0, below), last - 1);
  const to = Math.max(from + 1, above < 0 ? last : above);
  return seconds.slice(from, to + 1);
}

/** The line through what is known; days without a value interrupt it. */
export function linePath(points: (readonly [x: number, y: number] | null)[]): string {
  let path = '';
  let pen = 'M';
  for (const point of points) {
    if (!point) {
      pen = 'M';
      continue;
    }
    path += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

/** Which of n days get a label: about five, evenly, the first among them. */
export function labelledDays(n: number): number[] {
  const step = Math.max(1, n <= 7 ? 1 : Math.ceil(n / 4 / 7) * 7);
  return Array.from({ length: n }, (_, i) => i).filter((i) => i % step === 0);
}

/** "87.4": a part of one in hundredths, one decimal; whole where nothing is lost. */
export function percent(part: number): string {
  return (Math.round(part * 1000) / 10).toString();
}
