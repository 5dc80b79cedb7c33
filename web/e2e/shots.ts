import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { firstAdmin, ines, test } from './harness/test';
import { afterwards, ceremonies, dress, pages, signedOut, twoFactors, type Sight } from './harness/tour';
import { atTheDoor, desk } from './harness/tour-desk';

const folder = fileURLToPath(new URL('../test-results/shots/', import.meta.url));

const looks = [
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
  { width: 1440, height: 900, colorScheme: 'light' },
  { width: 1440, height: 900, colorScheme: 'dark' },
] as const;

/** Takes each screen as a window shows it, and whole where it is longer. */
async function shoot(name: string, sight: Sight): Promise<void> {
  const { page } = sight;
  for (const look of looks) {
    await dress(sight, look);
    const { width, height, colorScheme } = look;
    const file = `${folder}${name}-${width}x${height}-${colorScheme}`;
    await page.screenshot({ path: `${file}.png`, animations: 'disabled' });
    const whole = await page.evaluate(() => document.documentElement.scrollHeight);
    if (whole > height) await page.screenshot({ path: `${file}-whole.png`, fullPage: true, animations: 'disabled' });
  }
}

test.beforeAll(() => mkdir(folder, { recursive: true }));
test.setTimeout(300_000);

test('signed out', async ({ another }) => signedOut(await another(ines), shoot));
test('pages', async ({ ines }) => pages(ines, shoot));
test('ceremonies', async ({ ines }) => ceremonies(ines, shoot));
test('afterwards', async ({ ines, another }) => afterwards(ines, await another(ines.email), shoot));
test('desk', async ({ colleague, demo, ines }) => {
  const operator = await colleague();
  await atTheDoor(operator, shoot);
  await operator.accept(demo.invitation, firstAdmin);
  await desk(operator, ines, shoot);
});
test.describe('two factors', () => {
  test.use({ world: 'new' });
  test('two factors', async ({ tom }) => twoFactors(tom, shoot));
});
