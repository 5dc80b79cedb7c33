import AxeBuilder from '@axe-core/playwright';
import { expect, firstAdmin, ines, test } from './harness/test';
import { afterwards, ceremonies, dress, pages, signedOut, twoFactors, type Sight, type Stop } from './harness/tour';
import { atTheDoor, desk } from './harness/tour-desk';

const sizes = [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
];

/** At each screen: nothing serious for axe in both sizes and colours, no scrolling sideways, and no link that leads nowhere. */
class Inspection {
  readonly faults: string[] = [];
  readonly links = new Set<string>();

  look: Stop = async (name, customer) => {
    for (const size of sizes) {
      await dress(customer, { ...size, colorScheme: 'light' });
      await this.#axe(`${name} ${size.width} light`, customer);
      await this.#fits(name, customer);
      await this.#collect(customer);
      // Nothing but colours differs in the dark.
      await dress(customer, { ...size, colorScheme: 'dark' });
      await this.#axe(`${name} ${size.width} dark`, customer, ['color-contrast', 'link-in-text-block']);
    }
    // WCAG 1.4.10: content reflows at 320 px.
    await dress(customer, { width: 320, height: 640, colorScheme: 'light' });
    await this.#fits(name, customer);
    await dress(customer, { width: 1440, height: 900, colorScheme: 'light' });
  };

  async #axe(where: string, { page }: Sight, rules?: string[]): Promise<void> {
    // There are no frames, so the way without a page of its own for the result does, and is twice as fast.
    const axe = new AxeBuilder({ page }).setLegacyMode();
    const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
    for (const { id, impact, nodes } of violations) {
      if (impact !== 'serious' && impact !== 'critical') continue;
      this.faults.push(`${where}: ${id} at ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
    }
  }

  async #fits(name: string, { page }: Sight): Promise<void> {
    const { wide, width, culprits } = await page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const over = [...document.querySelectorAll('main *')].filter(
        (each) => each.getBoundingClientRect().right > width + 1,
      );
      return {
        wide: document.documentElement.scrollWidth,
        width,
        culprits: over.slice(0, 3).map((each) => `${each.tagName}.${each.className}`),
      };
    });
    if (wide > width) this.faults.push(`${name} at ${width} scrolls sideways to ${wide}: ${culprits.join(', ')}`);
  }

  async #collect({ page }: Sight): Promise<void> {
    const links = await page
      .locator('a[href^="/"]')
      .evaluateAll((all) => all.map((each) => each.getAttribute('href') ?? ''));
    for (const link of links) this.links.add(link.split(/[#?]/)[0] ?? '');
  }

  async follow({ page }: Sight): Promise<void> {
    for (const link of this.links) {
      await page.goto(link);
      await expect(page.getByRole('heading', { level: 1 }).first()).toBeAttached();
      if (await page.getByText('There is no such page').isVisible())
        this.faults.push(`a link leads to ${link}, which is no page`);
    }
  }
}

test.describe('every screen passes axe in light and dark on phone and desktop, fits 320 px, and its links lead somewhere', () => {
  test.setTimeout(240_000);

  test('without signing in', async ({ another }) => {
    const inspection = new Inspection();
    const visitor = await another(ines);
    await signedOut(visitor, inspection.look);
    await inspection.follow(visitor);
    expect(inspection.faults).toEqual([]);
  });

  test('the pages', async ({ ines }) => {
    const inspection = new Inspection();
    await pages(ines, inspection.look);
    await inspection.follow(ines);
    expect(inspection.faults).toEqual([]);
  });

  test('withdrawing and creating a passkey', async ({ ines }) => {
    const inspection = new Inspection();
    await ceremonies(ines, inspection.look);
    await inspection.follow(ines);
    expect(inspection.faults).toEqual([]);
  });

  test('a hold and a freeze', async ({ ines, another }) => {
    const inspection = new Inspection();
    await afterwards(ines, await another(ines.email), inspection.look);
    await inspection.follow(ines);
    expect(inspection.faults).toEqual([]);
  });

  test('the operators’ desk', async ({ colleague, demo, ines }) => {
    const inspection = new Inspection();
    const operator = await colleague();
    await atTheDoor(operator, inspection.look);
    await operator.accept(demo.invitation, firstAdmin);
    await desk(operator, ines, inspection.look);
    await inspection.follow(operator);
    expect(inspection.faults).toEqual([]);
  });

  test.describe('two factors', () => {
    test.use({ world: 'new' });

    test('somebody with two factors', async ({ tom }) => {
      const inspection = new Inspection();
      await twoFactors(tom, inspection.look);
      await inspection.follow(tom);
      expect(inspection.faults).toEqual([]);
    });
  });
});
