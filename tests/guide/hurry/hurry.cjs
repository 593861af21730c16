// Loaded by Node before a sample: its pauses are short, and Slack is scripted.
const { setTimeout: wait, fetch: fetched } = globalThis;

globalThis.setTimeout = (run, pause, ...rest) => wait(run, pause === 30000 ? 300 : pause, ...rest);
globalThis.fetch = (url, options) =>
  fetched(String(url).replace('https://slack.com', process.env.SLACK_URL), options);
