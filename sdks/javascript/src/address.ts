// Where the API is, and with which key: options, else the environment.

/** Where `kyros up` serves. */
const DEFAULT = 'http://127.0.0.1:8000';

/**
 * The address up to and with `/v1`, which may be given with it, without it, with a slash.
 * Throws TypeError for what is no http(s) address.
 */
export function baseURL(given: string | undefined): URL {
  const text = (given || process.env.KYROS_API_URL || DEFAULT).trim();
  const url = parsed(text);
  if (!url || url.username || url.password || /[?#\s]/.test(text)) {
    throw new TypeError(
      'baseURL (or KYROS_API_URL) must be an address such as https://kyros.example.com, ' +
        'without user, query or fragment.',
    );
  }
  const bare = url.pathname.replace(/\/+$/, '');
  url.pathname = bare.endsWith('/v1') ? bare : `${bare}/v1`;
  return url;
}

/** The key, without blanks around it. Throws TypeError when there is none, never showing it. */
export function apiKey(given: string | undefined): string {
  const key = (given || process.env.KYROS_API_KEY || '').trim();
  if (!key) {
    throw new TypeError('No API key: pass apiKey, or set KYROS_API_KEY.');
  }
  if (!/^[!-~]+$/.test(key)) {
    throw new TypeError('The API key has characters that no key has; was it copied whole?');
  }
  return key;
}

/** One segment of a path. Throws TypeError for what would make another path of it. */
export function segment(name: string, value: string): string {
  if (typeof value !== 'string' || ['', '.', '..'].includes(value)) {
    throw new TypeError(`${name} must be an id, not ${JSON.stringify(value)}.`);
  }
  // The other characters that are not unreserved (RFC 3986, 2.3).
  return Buffer.from(value)
    .toString('latin1')
    .replace(/[^A-Za-z0-9._~-]/g, (byte) => `%${hex(byte)}`);
}

function hex(byte: string): string {
  return byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

function parsed(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return /^https?:\/\//i.test(text) && url.hostname ? url : undefined;
  } catch {
    return undefined;
  }
}
