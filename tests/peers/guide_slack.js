const { WebClient } = require('@slack/web-api');
const kyros = require('@kyros/sdk');

class SlackBot {
    constructor(slackToken, kyrosApiKey) {
        this.slack = new WebClient(slackToken);
        this.kyros = new KyrosClient({ apiKey: kyrosApiKey });
        this.channel = '#kyros-notifications';
    }
    
    async sendTaskNotification(task, message) {
        const blocks = [
            {
                type: 'header',
                text: {
                    type: 'plain_text',
                    text: `Kyros Task: ${task.title}`
                }
            },
            {
                type: 'section',
                text: {
                    type: 'mrkdwn',
                    text: `*Description:* ${task.description}\n` +
                           `*Status:* ${task.status}\n` +
                           `*Priority:* ${task.priority}\n` +
                           `*Assigned to:* ${task.assignee_role}`
                }
            },
            {
                type: 'actions',
                elements: [
                    {
                        type: 'button',
                        text: { type: 'plain_text', text: 'View Details' },
                        url: `https://kyros.com/tasks/${task.id}`,
                        style: 'primary'
                    },
                    {
                        type: 'button',
                        text: { type: 'plain_text', text: 'Request Escalation' },
                        action_id: 'request_escalation',
                        value: task.id
                    }
                ]
            }
        ];
        
        await this.slack.chat.postMessage({
            channel: this.channel,
            text: message,
            blocks: blocks
        });
    }
    
    async handleEscalationRequest(action) {
        const taskId = action.value;
        
        try {
            const escalation = await this.kyros.escalations.submit({
                task_id: taskId,
                reason: 'Requested via Slack',
                priority: 'high'
            });
            
            await this.slack.chat.postMessage({
                channel: this.channel,
                text: `Escalation requested for task ${taskId}. Status: ${escalation.status}`
            });
        } catch (error) {
            await this.slack.chat.postMessage({
                channel: this.channel,
                text: `Failed to request escalation: ${error.message}`
            });
        }
    }
    
    async sendDailyReport() {
        const costs = await this.kyros.monitoring.getCosts({ period: '1d' });
        const metrics = await this.kyros.monitoring.getMetrics({ period: '1d' });
        
        const blocks = [
            {
                type: 'header',
                text: {
                    type: 'plain_text',
                    text: '📊 Kyros Daily Report'
                }
            },
            {
                type: 'section',
                fields: [
                    {
                        type: 'mrkdwn',
                        text: `*Total Cost:*\n$${costs.totalCost.toFixed(2)}`
                    },
                    {
                        type: 'mrkdwn',
                        text: `*Tasks Completed:*\n${metrics.taskCompletionRate.average}`
                    },
                    {
                        type: 'mrkdwn',
                        text: `*Success Rate:*\n${metrics.averageResponseTime.average}s`
                    },
                    {
                        type: 'mrkdwn',
                        text: `*Savings:*\n$${costs.savings.vsPremiumOnly.toFixed(2)}`
                    }
                ]
            }
        ];
        
        await this.slack.chat.postMessage({
            channel: this.channel,
            blocks: blocks
        });
    }
}

// Usage
const slackBot = new SlackBot('slack-bot-token', 'kyros-api-key');

// Handle Slack slash commands
app.post('/slack/commands', async (req, res) => {
    const { command, text } = req.body;
    
    if (command === '/kyros-status') {
        const health = await slackBot.kyros.monitoring.getHealth();
        await res.json({
            response_type: 'ephemeral',
            text: `Kyros Status: ${health.overall_status}`
        });
    }
    
    if (command === '/kyros-costs') {
        const costs = await slackBot.kyros.monitoring.getCosts({ period: '1d' });
        await res.json({
            response_type: 'ephemeral',
            text: `Daily costs: $${costs.totalCost.toFixed(2)}`
        });
    }
});
