// Lists that the API answers page by page, newest first.

import { Read } from './spelling';

/** A part of a list; `nextCursor` is where the next part begins, null at the end. */
export interface Page<T>
  extends Read<{ items: T[]; next_cursor: string | null; has_more: boolean }> {}
export class Page<T> {
  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }

  get length(): number {
    return this.items.length;
  }
}

/**
 * A list: `for await (const item of it)` goes over all items, and asks for a page when it is
 * reached. Each loop begins at the beginning again.
 */
export class Pages<T> implements AsyncIterable<T> {
  /** @internal */
  constructor(
    private readonly fetch: (cursor: string | null | undefined) => Promise<Page<T>>,
    private readonly cursor: string | null | undefined,
  ) {}

  /** The pages; keep a `nextCursor` to go on from there another day. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let { cursor } = this;
    while (true) {
      const page = await this.fetch(cursor);
      yield page;
      if (!page.has_more || page.next_cursor === null) {
        return;
      }
      cursor = page.next_cursor;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) {
      yield* page.items;
    }
  }
}
