// What the guide's bot for Slack (tests/peers/guide_slack.js) leaves to its reader, and what happens
// to it then.
const Module = require('node:module');
const said = [];
class Slack {
  chat = { postMessage: async (message) => said.push(message) };
}
const load = Module._load;
Module._load = (name, ...rest) =>
  name === '@slack/web-api' ? { WebClient: Slack } : load(name, ...rest);
// The guide forgets to take it out of what it requires.
global.KyrosClient = require('@kyros/sdk').KyrosClient;
let command;
global.app = { post: (_, handler) => { command = handler; } };
global.done = async (bot) => {
  const metadata = { sandbox: { delay_seconds: 30 } };
  const task = await bot.kyros.tasks.create({ title: 'a', metadata });
  await bot.sendTaskNotification(task, 'new');
  await bot.handleEscalationRequest({ value: task.id });
  await bot.handleEscalationRequest({ value: 'task_0' });
  await bot.sendDailyReport();
  for (const name of ['/kyros-status', '/kyros-costs']) {
    await command({ body: { command: name } }, { json: async (message) => said.push(message) });
  }
  await bot.kyros.tasks.cancel(task.id);
  console.log(JSON.stringify(said));
};
