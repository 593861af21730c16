// Reading server-sent events: bytes in, events out (pure).
//
// Lines are cut at LF and CRLF alone: what Unicode calls a line's end may stand inside the JSON.

import { TextDecoder } from 'node:util';

const LF = 0x0a;

/** One event as it was sent. */
export interface Message {
  id: string | undefined;
  event: string;
  data: string;
}

/** Takes a stream's bytes as they come. An event that was cut off is left out. */
export class Reader {
  private rest: Buffer[] = [];
  private fields = new Map<string, string>();
  private readonly text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  /** The events that these bytes complete. Throws TypeError for what is not UTF-8. */
  *feed(chunk: Buffer): Generator<Message> {
    let begin = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, begin)) {
      const line = this.text.decode(Buffer.concat([...this.rest, chunk.subarray(begin, end)]));
      this.rest = [];
      begin = end + 1;
      const message = this.take(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (message) {
        yield message;
      }
    }
    this.rest.push(chunk.subarray(begin));
  }

  private take(line: string): Message | undefined {
    const { fields } = this;
    if (!line) {
      this.fields = new Map();
      const data = fields.get('data');
      return data === undefined
        ? undefined
        : { id: fields.get('id'), event: fields.get('event') ?? 'message', data };
    }
    const colon = line.indexOf(':');
    if (colon !== 0) {
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      const before = name === 'data' ? fields.get(name) : undefined;
      fields.set(name, before === undefined ? value : `${before}\n${value}`);
    }
    return undefined;
  }
}
