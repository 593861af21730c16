import { KyrosClient, Task, AgentContext } from '@kyros/sdk';

// Initialize client
const client = new KyrosClient({
    apiKey: 'your-api-key',
    baseURL: 'https://api.kyros.com'
});

// Create a task
const task = new Task({
    title: 'Implement user authentication',
    description: 'Add JWT authentication with OAuth2 integration',
    type: 'implementation',
    priority: 'high',
    assignee_role: 'implementer',
    acceptance_criteria: [
        'Users can register with email/password',
        'OAuth2 integration works',
        'JWT tokens properly validated'
    ]
});

const createdTask = await client.tasks.create(task);
console.log(`Task created: ${createdTask.id}`);

// Submit to agent
const context = new AgentContext({
    repository_state: 'main branch at abc123',
    recent_changes: [
        'feat: Added user model',
        'fix: Fixed authentication bug'
    ]
});

const submission = await client.agents.submit('implementer', createdTask.id, context);
console.log(`Task submitted: ${submission.submissionId}`);

// Monitor progress
const monitorProgress = async () => {
    const status = await client.tasks.getStatus(createdTask.id);
    console.log(`Status: ${status.status} (${status.progress.percentage}%)`);
    
    if (status.status === 'completed' || status.status === 'failed') {
        return;
    }
    
    setTimeout(monitorProgress, 30000);
};

monitorProgress();

// Get cost analysis
const costs = await client.monitoring.getCosts({ period: '7d' });
console.log(`Total cost: $${costs.totalCost.toFixed(2)}`);
console.log(`Savings: $${costs.savings.vsPremiumOnly.toFixed(2)}`);
